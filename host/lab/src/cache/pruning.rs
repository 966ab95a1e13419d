//! Pruning: which models are in the cache, how long unused, and which are removed when it grows too
//! large.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use picklock_files::ASIDE;
use picklock_message::quantity::{GIB, bytes};
use picklock_message::{Error, Result};

use super::file_locks::PREFIX;
use super::models::{Cache, ORIGIN, Origin, WEIGHTS, discard};

/// How much the cache may hold where `PICKLOCK_CACHE_LIMIT` says nothing.
const LIMIT_GIB: f64 = 20.0;

/// After this time what a process was writing is left behind by a killed one.
const LEFT_BEHIND: Duration = Duration::from_hours(24);

/// A model in the cache.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its folder.
    pub path: PathBuf,
    /// Where it comes from; unknown for those of earlier versions.
    pub origin: Option<Origin>,
    /// Its size.
    pub bytes: u64,
    /// When it was last used, or made.
    pub used: SystemTime,
}

/// Which models may stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rule {
    /// Bytes of all together; the longest unused go first.
    pub bytes: Option<u64>,
    /// How long unused.
    pub unused: Option<Duration>,
}

/// What went and what stayed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pruned {
    /// Models that went.
    pub removed: Vec<Entry>,
    /// Models that would have had to go, but a live run uses them.
    pub in_use: Vec<Entry>,
    /// Bytes that stayed.
    pub bytes: u64,
}

impl Rule {
    /// What `PICKLOCK_CACHE_LIMIT` says, in GiB, or `none`; without it 20 GiB.
    ///
    /// # Errors
    /// Where it says something else.
    pub fn of_user() -> Result<Self> {
        let text = std::env::var("PICKLOCK_CACHE_LIMIT").unwrap_or_default();
        let gib = match (text.as_str(), text.parse()) {
            ("", _) => Some(LIMIT_GIB),
            ("none", _) => None,
            (_, Ok(gib)) if gib >= 0.0 => Some(gib),
            _ => {
                let expected = "PICKLOCK_CACHE_LIMIT: expected a number of GiB, or none";
                return Err(Error::Usage(format!("{expected}, got `{text}`")));
            }
        };
        Ok(Self {
            bytes: gib.map(|gib: f64| (gib * GIB) as u64),
            unused: None,
        })
    }
}

impl Cache {
    /// Every model, the longest unused first.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let folder = self.path().join("models");
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io(&folder, "read"))?,
        };
        let mut entries: Vec<Entry> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_dir() && !name(path).starts_with('.'))
            .filter_map(entry)
            .collect();
        entries.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
        Ok(entries)
    }

    /// Removes what may not stay, the longest unused first, but nothing that a live run uses.
    ///
    /// # Errors
    /// Where the folder can't be read or written.
    pub fn prune(&self, rule: &Rule) -> Result<Pruned> {
        self.sweep();
        let entries = self.entries()?;
        let mut pruned = Pruned {
            bytes: entries.iter().map(|entry| entry.bytes).sum(),
            ..Pruned::default()
        };
        for entry in entries {
            let unused = entry.used.elapsed().unwrap_or_default();
            let old = rule.unused.is_some_and(|most| unused > most);
            let large = rule.bytes.is_some_and(|most| pruned.bytes > most);
            if !old && !large {
                continue;
            }
            if remove(&entry.path)? {
                pruned.bytes -= entry.bytes;
                pruned.removed.push(entry);
            } else {
                pruned.in_use.push(entry);
            }
        }
        Ok(pruned)
    }

    /// Applies the user's limit; what goes, and what would have had to, is said to `warn`.
    ///
    /// # Errors
    /// As [`Cache::prune`].
    pub fn keep_to_limit(&self, warn: &dyn Fn(&str)) -> Result<()> {
        let pruned = self.prune(&Rule::of_user()?)?;
        if !pruned.removed.is_empty() {
            warn(&format!("cache: {}", pruned.in_words()));
        }
        Ok(())
    }

    /// Removes what killed processes left half-written, some time ago.
    fn sweep(&self) {
        for folder in ["models", "plugins"] {
            let entries = std::fs::read_dir(self.path().join(folder));
            for entry in entries.into_iter().flatten().flatten() {
                let path = entry.path();
                let ours = [ASIDE, PREFIX, ".model-"];
                let left = ours.iter().any(|prefix| name(&path).starts_with(prefix));
                let changed = entry.metadata().and_then(|data| data.modified());
                let age = changed.ok().and_then(|changed| changed.elapsed().ok());
                if left && age.is_some_and(|age| age > LEFT_BEHIND) {
                    // What can't be removed is left for the next time.
                    let _ = if path.is_dir() {
                        std::fs::remove_dir_all(&path)
                    } else {
                        std::fs::remove_file(&path)
                    };
                }
            }
        }
    }
}

impl Pruned {
    /// `removed 3 models (0.1 GiB), the longest unused; 1 more is in use by a live run; 19.9 GiB stay`.
    pub fn in_words(&self) -> String {
        let freed: u64 = self.removed.iter().map(|entry| entry.bytes).sum();
        let kept = match self.in_use.len() {
            0 => String::new(),
            count => format!("; {count} that a live run uses were kept"),
        };
        format!(
            "removed {} models ({}), the longest unused{kept}; {} stay",
            self.removed.len(),
            bytes(freed),
            bytes(self.bytes)
        )
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// A model's entry; none where it has just been removed.
fn entry(path: PathBuf) -> Option<Entry> {
    let files = std::fs::read_dir(&path).ok()?.flatten();
    let sizes = files.filter_map(|file| Some(file.metadata().ok()?.len()));
    let bytes = sizes.sum();
    let dated = std::fs::metadata(path.join(WEIGHTS)).or_else(|_| std::fs::metadata(&path));
    let origin = std::fs::read(path.join(ORIGIN)).ok();
    Some(Entry {
        used: dated.ok()?.modified().ok()?,
        origin: origin.and_then(|text| serde_json::from_slice(&text).ok()),
        bytes,
        path,
    })
}

/// Removes a model, unless a live run uses it: then `false`.
fn remove(path: &Path) -> Result<bool> {
    let weights = File::options()
        .read(true)
        .write(true)
        .open(path.join(WEIGHTS));
    // An entry without weights is no model that anyone could use.
    if let Ok(weights) = &weights
        && matches!(weights.try_lock(), Err(TryLockError::WouldBlock))
    {
        return Ok(false);
    }
    discard(path)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use picklock_files::Key;
    use picklock_record::Kind;

    use super::*;

    /// A model of one KiB that was last used this many hours ago.
    fn put(cache: &Cache, seed: u32, hours: u64) -> PathBuf {
        let folder = cache
            .folder("models")
            .unwrap()
            .join(Key::of(&seed).to_string());
        std::fs::create_dir(&folder).unwrap();
        let origin = Origin::new("micro", seed, &Kind::Base);
        std::fs::write(folder.join(ORIGIN), serde_json::to_vec(&origin).unwrap()).unwrap();
        let path = folder.join(WEIGHTS);
        std::fs::write(&path, [0; 1024]).unwrap();
        let used = SystemTime::now() - Duration::from_hours(hours);
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(used)
            .unwrap();
        folder
    }

    fn seeds(entries: &[Entry]) -> Vec<u32> {
        let seed = |entry: &Entry| entry.origin.as_ref().unwrap().seed;
        entries.iter().map(seed).collect()
    }

    #[test]
    fn the_longest_unused_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        for (seed, hours) in [(0, 5), (1, 50), (2, 1)] {
            put(&cache, seed, hours);
        }
        assert_eq!(seeds(&cache.entries().unwrap()), [1, 0, 2]);
        let one = Rule {
            bytes: Some(1500),
            unused: None,
        };
        assert_eq!(seeds(&cache.prune(&one).unwrap().removed), [1, 0]);
        let old = Rule {
            bytes: None,
            unused: Some(Duration::from_mins(30)),
        };
        assert_eq!(seeds(&cache.prune(&old).unwrap().removed), [2]);
    }

    #[test]
    fn what_a_live_run_uses_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (live, other) = (Cache::at(folder.path()), Cache::at(folder.path()));
        let used = put(&live, 0, 50);
        put(&live, 1, 1);
        assert!(live.hold(&used));
        File::open(used.join(WEIGHTS))
            .unwrap()
            .set_modified(SystemTime::now() - Duration::from_hours(50))
            .unwrap();
        let nothing = Rule {
            bytes: Some(0),
            unused: None,
        };
        let pruned = other.prune(&nothing).unwrap();
        assert_eq!(
            (seeds(&pruned.removed), seeds(&pruned.in_use)),
            (vec![1], vec![0])
        );
        assert!(
            pruned
                .in_words()
                .contains("1 that a live run uses were kept")
        );
        live.release();
        assert_eq!(seeds(&other.prune(&nothing).unwrap().removed), [0]);
    }

    #[test]
    fn what_was_left_behind_long_ago_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let models = cache.folder("models").unwrap();
        for name in [".aside-old", ".aside-new"] {
            std::fs::write(models.join(name), "half").unwrap();
        }
        let long_ago = SystemTime::now() - Duration::from_hours(48);
        File::options()
            .write(true)
            .open(models.join(".aside-old"))
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        cache.prune(&Rule::default()).unwrap();
        assert!(!models.join(".aside-old").exists() && models.join(".aside-new").exists());
    }
}
