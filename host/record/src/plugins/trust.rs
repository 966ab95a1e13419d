//! Trust: plugins are native code, so a file is loaded only if cargo has just built it here, or its
//! hash has been written to `plugins.lock` by `picklock plugins trust`.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use picklock_files::{Key, toml_file};
use picklock_message::{Error, Result, tell};
use serde::{Deserialize, Serialize};

use super::file::PluginFile;
use super::roots::Root;

/// The trusted files of one root: hypothesis name to SHA-256.
#[derive(Debug, Default)]
pub struct TrustList {
    path: PathBuf,
    list: List,
}

/// How a file stands to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is listed.
    Trusted,
    /// Another file of this hypothesis is listed.
    Changed,
    /// Its hypothesis isn't listed.
    Unlisted,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    plugins: BTreeMap<String, Key>,
}

impl TrustList {
    /// Reads a root's `plugins.lock`; a missing one trusts nothing.
    ///
    /// # Errors
    /// Where it is there and can't be read, or others could have written it.
    pub fn of(root: &Root) -> Result<Self> {
        let path = root.trust_list();
        if path.exists() {
            check_writers(&path)?;
        }
        let list = match path.exists() {
            true => toml_file::read::<List>(&path)?.0,
            false => List::default(),
        };
        Ok(Self { path, list })
    }

    /// How this very file stands to the list.
    pub fn standing(&self, file: &PluginFile) -> Standing {
        match self.list.plugins.get(&file.name) {
            Some(hash) if *hash == file.hash => Standing::Trusted,
            Some(_) => Standing::Changed,
            None => Standing::Unlisted,
        }
    }

    /// Checks that this very file is trusted.
    ///
    /// # Errors
    /// Where it isn't listed, or has changed since.
    pub fn check(&self, file: &PluginFile) -> Result<()> {
        let (path, list) = (file.path.display(), self.path.display());
        let problem = match self.standing(file) {
            Standing::Trusted => return Ok(()),
            Standing::Changed => format!("{path} has changed since it was trusted in {list}"),
            Standing::Unlisted => format!("{path} is not trusted: {list} doesn't list it"),
        };
        let root = self.path.parent().unwrap_or(Path::new(".")).display();
        let problem = format!(
            "{problem}; if it is yours, give: picklock plugins trust --plugins {root} {path}"
        );
        Err(Error::Plugin {
            name: file.name.clone(),
            problem,
        })
    }

    /// Trusts a file from now on.
    ///
    /// # Errors
    /// Where the list can't be written.
    pub fn add(&mut self, file: &PluginFile) -> Result<()> {
        self.list
            .plugins
            .insert(file.name.clone(), file.hash.clone());
        let text = toml::to_string(&self.list)
            .map_err(|error| Error::file(&self.path, error.to_string()))?;
        picklock_files::write_atomically(&self.path, text.as_bytes())
    }
}

/// Refuses files that others could have written, and warns of group-writable ones.
///
/// # Errors
/// Where others could change it.
pub fn check_permissions(path: &Path) -> Result<()> {
    check_writers(path)?;
    let metadata = std::fs::metadata(path).map_err(Error::io(path, "read"))?;
    if metadata.mode() & 0o020 != 0 {
        tell!("picklock: {} can be written by its group", path.display());
    }
    Ok(())
}

/// Refuses files that others could have written: world-writable ones, and those of another user
/// than this one and root.
///
/// # Errors
/// Where the file or its folder is such a one.
pub fn check_writers(path: &Path) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    for place in [path, folder.unwrap_or(Path::new("."))] {
        let metadata = std::fs::metadata(place).map_err(Error::io(place, "read"))?;
        let (mode, owner) = (metadata.mode(), metadata.uid());
        let sticky = metadata.is_dir() && mode & 0o1000 != 0;
        if mode & 0o002 != 0 && !sticky {
            let problem = "anyone can write it; give: chmod o-w, and check that it is yours";
            return Err(Error::file(place, problem));
        }
        if owner != 0 && owner != rustix::process::geteuid().as_raw() {
            let problem = format!("belongs to user {owner}; copy it to a folder of your own");
            return Err(Error::file(place, problem));
        }
    }
    Ok(())
}
