//! Making a model once: of several processes that lack it, one makes it and the others wait.
//!
//! A lock file a model, held with `flock`: it ends with its owner, however that ends. Where locks
//! don't work, or a lock file is removed under its holder, a model is made twice, which gives the
//! same bytes.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

use picklock_files::Key;

use super::Cache;

/// How the names of lock files begin.
pub const PREFIX: &str = ".making-";

/// How often a lock is tried.
const TICK: Duration = Duration::from_millis(100);

/// The right to make some models, until dropped.
pub struct Making {
    locks: Vec<(PathBuf, File)>,
}

impl Cache {
    /// Waits for the right to make these models, calling `waits` now and then; then look again
    /// whether they are there.
    pub fn making(&self, keys: &[Key], waits: &dyn Fn()) -> Making {
        let mut keys: Vec<&Key> = keys.iter().collect();
        // In one order everywhere: two processes never wait for each other.
        keys.sort();
        keys.dedup();
        let locks = keys.into_iter().filter_map(|key| self.lock(key, waits));
        Making {
            locks: locks.collect(),
        }
    }

    fn lock(&self, key: &Key, waits: &dyn Fn()) -> Option<(PathBuf, File)> {
        let path = self
            .folder("models")
            .ok()?
            .join(format!("{PREFIX}{}", key.short()));
        let mut options = File::options();
        let file = options.create(true).read(true).append(true).open(&path);
        let file = file.ok()?;
        loop {
            match file.try_lock() {
                Ok(()) => return Some((path, file)),
                Err(TryLockError::WouldBlock) => {
                    waits();
                    std::thread::sleep(TICK);
                }
                Err(TryLockError::Error(_)) => return None,
            }
        }
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        for (path, _) in &self.locks {
            // Who waits for it looks into the cache next.
            let _ = std::fs::remove_file(path);
        }
    }
}
