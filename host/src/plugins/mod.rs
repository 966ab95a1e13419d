//! Plugins: where they are found, what their files say of themselves, whether they are trusted,
//! and how they are loaded.

mod cargo;
mod catalogue;
mod file;
mod load;
mod roots;
mod trust;

use std::path::Path;

pub use catalogue::{Entry, catalogue};
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
    let built_here = |name: &&String| {
        let home = roots.home(name, build);
        build && home.is_some_and(|root| root.has_source(name))
    };
    let ours: Vec<String> = names.iter().filter(built_here).cloned().collect();
    let fresh = match roots.workspace() {
        Some(workspace) => cargo::build(workspace, &ours)?,
        None => Vec::new(),
    };
    let mut files = Vec::new();
    for name in names {
        if let Some((_, path)) = fresh.iter().find(|(built, _)| built == name) {
            trust::check_writers(path)?;
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

/// Reads and checks a plugin file that lies anywhere: one that cargo builds in this workspace is
/// built first, any other must be trusted.
///
/// # Errors
/// Where it doesn't build, is no plugin of this picklock, can be written by others, or isn't
/// trusted.
pub fn find_file(path: &Path, roots: &Roots) -> Result<PluginFile> {
    check_permissions(path)?;
    let file = PluginFile::read(path)?;
    file.check_file_name()?;
    let same = |other: &Path| match (path.canonicalize(), other.canonicalize()) {
        (Ok(path), Ok(other)) => path == other,
        _ => false,
    };
    let home = roots.iter().find(|root| same(&root.plugin(&file.name)));
    if let Some(root) = home.filter(|root| root.has_source(&file.name)) {
        cargo::build(root.folder(), std::slice::from_ref(&file.name))?;
        check_permissions(path)?;
        return PluginFile::read(path);
    }
    let root = home.or_else(|| roots.first()).ok_or_else(|| {
        Error::Usage(
            "no folder whose plugins.lock could list it; name one with --plugins DIR".into(),
        )
    })?;
    TrustList::of(root)?.check(&file)?;
    Ok(file)
}
