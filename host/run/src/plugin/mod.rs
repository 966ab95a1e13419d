//! Plugins that run: built where they are a workspace's own, found, and loaded.

mod cargo;
mod load;

use std::path::Path;

use picklock_message::{Error, Result};
use picklock_record::plugins::{PluginFile, Roots, TrustList, check_permissions, check_writers};

pub use load::load;

/// Finds the plugins of these hypotheses, and checks that their files may be loaded: inside a
/// workspace they are built first (unless `build` is off), elsewhere `plugins.lock` must list them.
/// Gives each one's file, or why it is refused: it isn't there, is no plugin of this picklock, or
/// isn't trusted.
///
/// # Errors
/// Where one doesn't build.
pub fn find(names: &[String], roots: &Roots, build: bool) -> Result<Vec<Result<PluginFile>>> {
    let built_here = |name: &&String| {
        let home = roots.home(name, build);
        build && home.is_some_and(|root| root.has_source(name))
    };
    let ours: Vec<String> = names.iter().filter(built_here).cloned().collect();
    let fresh = match roots.workspace() {
        Some(workspace) => cargo::build(workspace, &ours)?,
        None => Vec::new(),
    };
    let file = |name: &String| match fresh.iter().find(|(built, _)| built == name) {
        Some((_, path)) => {
            check_writers(path)?;
            PluginFile::read(path)?.called(name)
        }
        None => trusted(name, roots)?.called(name),
    };
    Ok(names.iter().map(file).collect())
}

fn trusted(name: &str, roots: &Roots) -> Result<PluginFile> {
    let (root, path) = roots.plugin(name).ok_or_else(|| Error::Plugin {
        name: name.to_string(),
        problem: "no plugin file found; put one into a folder given by --plugins".into(),
    })?;
    check_permissions(&path)?;
    let file = PluginFile::read(&path)?;
    TrustList::of(root)?.check(&file)?;
    Ok(file)
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
