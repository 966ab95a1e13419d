//! Plugins: where they are found, what their files say of themselves, whether they are trusted,
//! and how they are loaded.

mod cargo;
mod file;
mod load;
mod roots;
mod trust;

pub use file::PluginFile;
pub use load::load;
pub use roots::{Root, Roots};
pub use trust::{TrustList, check_permissions};

use crate::error::{Error, Result};

/// Finds the plugins of these hypotheses, and checks that their files may be loaded: inside a
/// workspace they are built first (unless `build` is off), elsewhere `plugins.lock` must list them.
///
/// # Errors
/// Where a plugin isn't there, doesn't build, is no plugin of this picklock, or isn't trusted.
pub fn find(names: &[String], roots: &Roots, build: bool) -> Result<Vec<PluginFile>> {
    let fresh = match roots.workspace() {
        Some(workspace) if build => cargo::build(workspace, names)?,
        _ => Vec::new(),
    };
    let mut files = Vec::new();
    for name in names {
        if let Some((_, path)) = fresh.iter().find(|(built, _)| built == name) {
            files.push(PluginFile::read(path)?);
            continue;
        }
        let (root, path) = roots.plugin(name).ok_or_else(|| Error::Plugin {
            name: name.clone(),
            problem: "no plugin file found; put one into a folder given by --plugins".into(),
        })?;
        check_permissions(&path)?;
        let file = PluginFile::read(&path)?;
        TrustList::of(root)?.check(&file)?;
        files.push(file);
    }
    for (name, file) in names.iter().zip(&files) {
        if file.name != *name {
            return Err(Error::Plugin {
                name: name.clone(),
                problem: format!(
                    "{} says that it is `{}`; rename the crate to picklock-{name}",
                    file.path.display(),
                    file.name
                ),
            });
        }
    }
    Ok(files)
}
