//! A run's folder: one organism, one set of hypotheses, and one process at a time, or several that
//! each have a shard.
//!
//! A whole run holds `.lock` for itself; shards share it, and each holds a lock of its own. The
//! locks are `flock`s, which end with their process however it ends, also over `NFSv4`.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use picklock_files::ASIDE;
use picklock_message::{Error, Result, tell};
use picklock_process::is_task;
use rustix::fs::Access;

use crate::claim::Claim;
use crate::shard::Shard;

/// How long a lock is waited for outside of Slurm: longer than a status command or the start of another shard holds
/// it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is tried.
const TICK: Duration = Duration::from_millis(20);

/// A run's folder, claimed by this process until dropped.
pub struct RunFolder {
    /// Where it is.
    pub path: PathBuf,
    /// Whether no other process is at work in it; for a shard, until it shares the folder.
    pub alone: bool,
    shard: Option<Shard>,
    lock: File,
    _own: Option<File>,
}

impl RunFolder {
    /// Claims the folder, making it where it isn't there. With `fresh` an old one is moved aside.
    ///
    /// # Errors
    /// Where it can't be written, is in use by another process, or holds something else than a run.
    pub fn claim(path: &Path, fresh: bool, shard: Option<Shard>) -> Result<Self> {
        // Without a slash at its end, which would become part of the name to move aside to.
        let path: PathBuf = path.components().collect();
        if let Some(problem) = foreign(&path) {
            return Err(problem);
        }
        if fresh && path.exists() {
            let _lock = whole(&path)?;
            let aside = free_name(&path);
            std::fs::rename(&path, &aside).map_err(Error::io(&path, "move aside"))?;
            tell!("{} moved aside to {}", path.display(), aside.display());
        }
        let journal = path.join("journal");
        std::fs::create_dir_all(&journal).map_err(Error::io(&path, "make the folder"))?;
        let (lock, alone, own) = match shard {
            None => (whole(&path)?, true, None),
            Some(shard) => {
                let own = own(&path, shard)?;
                let (lock, alone) = part(&path)?;
                (lock, alone, Some(own))
            }
        };
        let folder = Self {
            path,
            alone,
            shard,
            lock,
            _own: own,
        };
        if alone {
            // Nobody else is writing: what is half-written, a killed process left.
            sweep(&folder.path, &[ASIDE, Claim::PREFIX])?;
            for written in ["journal", "hypotheses", "figures"] {
                sweep(&folder.path.join(written), &[ASIDE])?;
            }
        }
        Ok(folder)
    }

    /// Lets other shards in, where this is one.
    ///
    /// # Errors
    /// Where a whole run got in between.
    pub fn share(&mut self) -> Result<()> {
        if self.shard.is_some() && self.alone {
            self.alone = false;
            let lock = wait_for(|| self.lock.try_lock_shared(), &self.path.join(".lock"))?;
            lock.then_some(()).ok_or_else(|| in_use(&self.path))?;
        }
        Ok(())
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // Where it stays, the next claim removes it, and `picklock status` sees that nobody holds it.
        let _ = std::fs::remove_file(Claim::path(&self.path, self.shard));
    }
}

/// Whether a process holds the whole folder, or this shard of it.
///
/// # Errors
/// Where that can't be found out.
pub fn held(path: &Path, shard: Option<Shard>) -> Result<bool> {
    let file = lock_file(path, shard);
    if !file.exists() {
        return Ok(false);
    }
    let lock = File::open(&file).map_err(Error::io(&file, "read"))?;
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        // Then nobody knows; a claim is taken at its word.
        Err(TryLockError::Error(error)) if unsupported(&error) => Ok(true),
        Err(TryLockError::Error(error)) => Err(Error::io(&file, "lock")(error)),
    }
}

/// Why no shard can join, where a whole run is at work in the folder.
///
/// # Errors
/// Where that can't be found out.
pub fn claimed_whole(path: &Path) -> Result<Option<Error>> {
    Ok(held(path, None)?.then(|| in_use(path)))
}

/// Why this folder can't be claimed, as far as that shows before anything is written. With `fresh` an
/// old one makes room.
pub fn obstacle(path: &Path, fresh: bool) -> Option<Error> {
    if let Some(problem) = foreign(path) {
        return Some(problem);
    }
    let written = [path.to_path_buf(), path.join("journal")];
    for folder in written.iter().filter(|folder| folder.exists()) {
        if let Some(problem) = locked(folder) {
            return Some(Error::io(folder, "write")(problem));
        }
    }
    let moved = fresh && path.exists();
    let mut above = path.ancestors().skip(usize::from(moved));
    let there = above.find(|folder| folder.exists());
    let action = match moved {
        true => "move aside",
        false => "make the folder",
    };
    locked(there.unwrap_or(Path::new(""))).map(Error::io(path, action))
}

/// Why nothing can be made in a folder.
fn locked(folder: &Path) -> Option<std::io::Error> {
    // The dot makes it an error where it is a file.
    rustix::fs::access(folder.join("."), Access::WRITE_OK | Access::EXEC_OK)
        .err()
        .map(Into::into)
}

/// A folder that is there, and no run's.
fn foreign(path: &Path) -> Option<Error> {
    if !path.is_dir() || path.join("manifest.json").exists() || !holds_something(path) {
        return None;
    }
    let problem = "not a run folder, and not empty; choose another one with --out";
    Some(Error::file(path, problem))
}

/// A shard's own lock, or the whole folder's.
fn lock_file(path: &Path, shard: Option<Shard>) -> PathBuf {
    let suffix = shard.map(Shard::suffix).unwrap_or_default();
    path.join(format!(".lock{suffix}"))
}

/// Locks the folder for this process alone.
fn whole(path: &Path) -> Result<File> {
    let file = lock_file(path, None);
    let lock = open(&file)?;
    if wait_for(|| lock.try_lock(), &file)? {
        return Ok(lock);
    }
    Err(in_use(path))
}

/// Locks the folder for this shard and others; says whether there are no others, which then can't
/// come in until the lock is shared.
fn part(path: &Path) -> Result<(File, bool)> {
    let file = lock_file(path, None);
    let lock = open(&file)?;
    let mut alone = false;
    let either = || {
        alone = lock.try_lock().is_ok();
        if alone {
            Ok(())
        } else {
            lock.try_lock_shared()
        }
    };
    if wait_for(either, &file)? {
        return Ok((lock, alone));
    }
    Err(in_use(path))
}

/// Locks a shard for this process.
fn own(path: &Path, shard: Shard) -> Result<File> {
    let file = lock_file(path, Some(shard));
    let lock = open(&file)?;
    if wait_for(|| lock.try_lock(), &file)? {
        return Ok(lock);
    }
    let problem = format!("shard {shard} is running already; wait for it");
    Err(Error::file(path, problem))
}

fn open(file: &Path) -> Result<File> {
    let mut options = File::options();
    let options = options.create(true).read(true).append(true);
    options.open(file).map_err(Error::io(file, "write"))
}

/// Tries to lock for a while; a task of Slurm's until its time is over.
fn wait_for(
    mut lock: impl FnMut() -> std::result::Result<(), TryLockError>,
    file: &Path,
) -> Result<bool> {
    let start = Instant::now();
    let mut announced = false;
    loop {
        match lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                std::thread::sleep(TICK);
            }
            Err(TryLockError::WouldBlock) if is_task() => {
                // Where Slurm has lost a node, what it started there may live on for minutes.
                if !std::mem::replace(&mut announced, true) {
                    tell!(
                        "{}: held by another process; waiting for its end",
                        file.display()
                    );
                }
                std::thread::sleep(PATIENCE);
            }
            Err(TryLockError::WouldBlock) => return Ok(false),
            // Some file systems of clusters have no locks: then shards do without.
            Err(TryLockError::Error(error)) if unsupported(&error) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(Error::io(file, "lock")(error)),
        }
    }
}

/// Whether a file system has no locks.
fn unsupported(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| [Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOLCK].contains(&errno))
}

fn in_use(path: &Path) -> Error {
    let problem = "in use by another picklock run; wait for it, or choose another --out";
    Error::file(path, problem)
}

/// Removes files whose names begin so, where there is such a folder.
fn sweep(folder: &Path, prefixes: &[&str]) -> Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::io(folder, "read"))?,
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            let path = entry.path();
            match std::fs::remove_file(&path) {
                // A worker of the killed process has just done with it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                done => done.map_err(Error::io(&path, "remove"))?,
            }
        }
    }
    Ok(())
}

/// Whether there is anything that isn't ours.
fn holds_something(path: &Path) -> bool {
    let ours = |name: &str| {
        let hidden = [".lock", ASIDE, Claim::PREFIX];
        hidden.iter().any(|known| name.starts_with(known)) || ["journal", "slurm"].contains(&name)
    };
    let mut entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.any(|entry| !ours(&entry.file_name().to_string_lossy()))
}

/// `path.old-1`, or the next that isn't taken.
fn free_name(path: &Path) -> PathBuf {
    let name = |number: usize| {
        let mut name = path.as_os_str().to_os_string();
        name.push(format!(".old-{number}"));
        PathBuf::from(name)
    };
    let mut names = (1..).map(name);
    names.find(|name| !name.exists()).unwrap_or_default()
}
