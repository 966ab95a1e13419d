//! Lock files: of several processes that need a model, one makes it and the others wait.
//!
//! Each model has a lock file of its own, held with `flock`: the lock ends with the process, however
//! that ends. Where locks don't work, or a lock file is removed under its holder, a model is made
//! twice, which gives the same bytes.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

use picklock_files::Key;

use super::models::Cache;

/// How the names of lock files begin.
pub const PREFIX: &str = ".making-";

/// How often a lock is tried.
const TICK: Duration = Duration::from_millis(100);

/// The locks of some models, until dropped.
pub struct FileLocks(Vec<(PathBuf, File)>);

impl Cache {
    /// Waits until no other process makes these models, calling `on_wait` now and then; then look
    /// again whether they are there.
    pub fn lock_models(&self, keys: &[Key], on_wait: &dyn Fn()) -> FileLocks {
        // In one order everywhere: two processes never wait for each other.
        let keys: BTreeSet<&Key> = keys.iter().collect();
        let locks = keys.into_iter().filter_map(|key| self.lock(key, on_wait));
        FileLocks(locks.collect())
    }

    fn lock(&self, key: &Key, on_wait: &dyn Fn()) -> Option<(PathBuf, File)> {
        let name = format!("{PREFIX}{}", key.short());
        let path = self.folder("models").ok()?.join(name);
        let mut options = File::options();
        options.create(true).read(true).append(true);
        let file = options.open(&path).ok()?;
        loop {
            match file.try_lock() {
                Ok(()) => return Some((path, file)),
                Err(TryLockError::WouldBlock) => {
                    on_wait();
                    std::thread::sleep(TICK);
                }
                Err(TryLockError::Error(_)) => return None,
            }
        }
    }
}

impl Drop for FileLocks {
    fn drop(&mut self) {
        for (path, _) in &self.0 {
            // A process that waits for it looks into the cache next.
            let _ = std::fs::remove_file(path);
        }
    }
}
