//! A run's folder: one process at a time, one organism, one set of hypotheses.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A run's folder, claimed by this process until dropped.
pub struct RunFolder {
    /// Where it is.
    pub path: PathBuf,
    _lock: File,
}

impl RunFolder {
    /// Claims the folder, making it where it isn't there. With `fresh` an old one is moved aside.
    ///
    /// # Errors
    /// Where it can't be written, is in use by another process, or holds something else than a run.
    pub fn claim(path: &Path, fresh: bool) -> Result<Self> {
        // Without a slash at its end, which would become part of the name to move aside to.
        let path: PathBuf = path.components().collect();
        if fresh && path.exists() {
            let _lock = lock(&path)?;
            let aside = free_name(&path);
            std::fs::rename(&path, &aside).map_err(Error::io(&path, "move aside"))?;
            eprintln!("{} moved aside to {}", path.display(), aside.display());
        }
        if path.is_dir() && !path.join("manifest.json").exists() && holds_something(&path) {
            let problem = "not a run folder, and not empty; choose another one with --out";
            return Err(Error::file(&path, problem));
        }
        let journal = path.join("journal");
        std::fs::create_dir_all(&journal).map_err(Error::io(&path, "make the folder"))?;
        let lock = lock(&path)?;
        for folder in [&path, &journal] {
            sweep(folder)?;
        }
        Ok(Self { path, _lock: lock })
    }
}

/// Locks the folder for this process.
fn lock(path: &Path) -> Result<File> {
    let file = path.join(".lock");
    let lock = File::options().create(true).append(true).open(&file);
    let lock = lock.map_err(Error::io(&file, "write"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            let problem = "in use by another picklock run; wait for it, or choose another --out";
            Err(Error::file(path, problem))
        }
        Err(TryLockError::Error(error)) => Err(Error::io(&file, "lock")(error)),
    }
}

/// Removes what a killed process left half-written.
fn sweep(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder)
        .map_err(Error::io(folder, "read"))?
        .flatten()
    {
        if entry.file_name().to_string_lossy().starts_with(".aside-") {
            let path = entry.path();
            std::fs::remove_file(&path).map_err(Error::io(&path, "remove"))?;
        }
    }
    Ok(())
}

fn holds_something(path: &Path) -> bool {
    let ours = [".lock", "journal"];
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name())
        .any(|name| !ours.iter().any(|known| name == *known))
}

/// `path.old-1`, or the next that isn't taken.
fn free_name(path: &Path) -> PathBuf {
    let name = |number: usize| {
        let mut name = path.as_os_str().to_os_string();
        name.push(format!(".old-{number}"));
        PathBuf::from(name)
    };
    let mut number = 1;
    while name(number).exists() {
        number += 1;
    }
    name(number)
}
