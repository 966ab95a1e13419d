//! What there is: the plugins of all roots as their files describe them. Nothing is loaded.

use std::fmt;
use std::path::{Path, PathBuf};

use picklock_files::Key;
use picklock_message::Result;
use serde::Serialize;

use super::file::PluginFile;
use super::roots::{Root, Roots};
use super::trust::{Standing, TrustList, check_writers};

/// A plugin, and what its file says of it.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// The hypothesis.
    pub name: String,
    /// Its file, whether or not it is there.
    pub file: PathBuf,
    /// What the file says of itself; none where it can't be read.
    pub manifest: Option<Described>,
    /// Whether picklock would load it.
    pub trust: Trust,
    /// Its pre-registration, where it has one.
    pub registration: Option<PathBuf>,
}

/// What a plugin file says of itself.
#[derive(Debug, Serialize)]
pub struct Described {
    /// The plugin's version.
    pub version: String,
    /// The boundary's version that it was built for.
    pub abi: u32,
    /// The SDK's version that it was built with.
    pub sdk: String,
    /// SHA-256 of the file.
    pub hash: Key,
}

/// Whether picklock would load a plugin, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Cargo builds it in this workspace.
    BuiltHere,
    /// Cargo will build it in this workspace.
    NotBuilt,
    /// `plugins.lock` lists this very file.
    Trusted,
    /// `plugins.lock` doesn't list it.
    NotTrusted,
    /// `plugins.lock` lists another file.
    Changed,
    /// It can't be used, for this reason.
    Refused(String),
}

impl fmt::Display for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltHere => formatter.write_str("built here"),
            Self::NotBuilt => formatter.write_str("not built yet"),
            Self::Trusted => formatter.write_str("trusted"),
            Self::NotTrusted => formatter.write_str("not trusted"),
            Self::Changed => formatter.write_str("changed since trusted"),
            Self::Refused(reason) => write!(formatter, "refused: {reason}"),
        }
    }
}

/// Every plugin of the roots, by name; of two with one name the first root's.
///
/// # Errors
/// Where a `plugins.lock` can't be read.
pub fn catalogue(roots: &Roots) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    for root in roots.iter() {
        let list = TrustList::of(root)?;
        for path in candidates(root) {
            let entry = describe(&path, root, &list, roots);
            if entries.iter().all(|known| known.name != entry.name) {
                entries.push(entry);
            }
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// The plugin files of a root; in a workspace, also those that cargo has yet to build.
fn candidates(root: &Root) -> Vec<PathBuf> {
    let inside = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    };
    let is_plugin = |path: &PathBuf| {
        let named = !root.is_workspace() || name_in(path).is_some();
        named && path.extension().is_some_and(|e| e == "so")
    };
    let mut paths: Vec<PathBuf> = inside(root.plugins()).filter(is_plugin).collect();
    let sources = inside(root.folder().join("plugins"))
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .filter(|name| root.has_source(name));
    paths.extend(sources.map(|name| root.plugin(&name)));
    paths.sort();
    paths.dedup();
    paths
}

fn describe(path: &Path, root: &Root, list: &TrustList, roots: &Roots) -> Entry {
    let by_file = name_in(path);
    let inspected = PluginFile::inspect(path);
    let name = match (&inspected, by_file) {
        (Ok(file), _) => file.name.clone(),
        (Err(_), Some(name)) => name,
        (Err(_), None) => path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into(),
    };
    let source = root.has_source(&name);
    let usable = |file: &PluginFile| {
        check_writers(path)?;
        file.check_versions()?;
        file.check_file_name()
    };
    let trust = match &inspected {
        Err(_) if source && !path.exists() => Trust::NotBuilt,
        Err(error) => Trust::Refused(error.to_string()),
        Ok(file) => match (usable(file), list.standing(file)) {
            (Err(error), _) => Trust::Refused(error.to_string()),
            (Ok(()), _) if source => Trust::BuiltHere,
            (Ok(()), Standing::Trusted) => Trust::Trusted,
            (Ok(()), Standing::Changed) => Trust::Changed,
            (Ok(()), Standing::Unlisted) => Trust::NotTrusted,
        },
    };
    let described = |file: PluginFile| Described {
        version: file.version,
        abi: file.abi,
        sdk: file.sdk,
        hash: file.hash,
    };
    Entry {
        registration: roots.registration(&name),
        file: path.to_path_buf(),
        manifest: inspected.ok().map(described),
        trust,
        name,
    }
}

/// The hypothesis that a file is named after.
fn name_in(path: &Path) -> Option<String> {
    let name = path.file_stem()?.to_str()?.strip_prefix("libpicklock_")?;
    Some(name.replace('_', "-"))
}
