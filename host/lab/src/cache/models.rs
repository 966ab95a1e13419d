//! A folder of models and what else takes long to make: how entries are read and written.

use std::cell::RefCell;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use picklock_files::{ASIDE, Key};
use picklock_lm::{Device, Model};
use picklock_message::{Error, Result};
use picklock_record::Kind;
use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

/// A model's weights.
pub const WEIGHTS: &str = "model.safetensors";

/// Where an entry comes from.
pub const ORIGIN: &str = "origin.json";

/// A folder of models that any run may share.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    /// The models that this process uses, locked.
    in_use: RefCell<Vec<File>>,
}

/// Where a cached model comes from, for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The organism's name.
    pub organism: String,
    /// Its seed.
    pub seed: u32,
    /// What it is.
    pub kind: Kind,
}

impl Origin {
    /// A model of this kind.
    pub fn new(organism: &str, seed: u32, kind: &Kind) -> Self {
        Self {
            organism: organism.to_string(),
            seed,
            kind: kind.clone(),
        }
    }
}

impl Cache {
    /// The cache in `PICKLOCK_CACHE`, else in the user's cache folder.
    ///
    /// # Errors
    /// Where neither is known.
    pub fn of_user() -> Result<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let folder = set("PICKLOCK_CACHE")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(set("XDG_CACHE_HOME")?).join("picklock")))
            .or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache/picklock")))
            .ok_or_else(|| {
                Error::Usage("no cache folder: set PICKLOCK_CACHE to a folder of your own".into())
            })?;
        Ok(Self::at(&folder))
    }

    /// The cache in this folder.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            in_use: RefCell::new(Vec::new()),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The folder for things of this kind, made where it isn't there.
    ///
    /// # Errors
    /// Where it can't be made.
    pub fn folder(&self, kind: &str) -> Result<PathBuf> {
        let folder = self.folder.join(kind);
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder, "make the folder"))?;
        Ok(folder)
    }

    /// Checks that models can be written, for before one is trained.
    ///
    /// # Errors
    /// Where they can't.
    pub fn check(&self) -> Result<()> {
        let folder = self.folder("models")?;
        let tried = tempfile::tempfile_in(&folder);
        tried.map(drop).map_err(Error::io(&folder, "write"))
    }

    /// Whether the model is there.
    pub fn holds(&self, key: &Key) -> bool {
        self.entry(key).is_dir()
    }

    /// The model of this key, where it is there. It is in use until [`Cache::release`].
    ///
    /// # Errors
    /// Where it was there and damaged: it is gone now, and can be made again.
    pub fn load(&self, key: &Key, device: Device) -> Result<Option<Model>> {
        let folder = self.entry(key);
        if !self.hold(&folder) {
            return Ok(None);
        }
        let model = Model::load(&folder, device);
        if let Err(error) = &model {
            let is_io = matches!(error, picklock_lm::Error::Io { .. });
            // A read that fails doesn't mean that the file is damaged.
            if !(is_io && folder.join(WEIGHTS).exists()) {
                discard(&folder)?;
            }
        }
        Ok(Some(model?))
    }

    /// Keeps a model. It is in use until [`Cache::release`].
    ///
    /// # Errors
    /// Where the folder can't be written.
    pub fn store(
        &self,
        key: &Key,
        model: &Model,
        tokenizer: &Tokenizer,
        origin: &Origin,
    ) -> Result<()> {
        let entry = self.write(key, origin, |folder| {
            model.save(folder)?;
            let file = folder.join("tokenizer.json");
            let saved = tokenizer.save(&file, false);
            saved.map_err(|error| Error::file(&file, error.to_string()))
        })?;
        self.hold(&entry);
        Ok(())
    }

    /// Writes an entry aside, then renames it, so that nobody sees half of it; `write` is given the
    /// folder to write to.
    ///
    /// # Errors
    /// Where the folder can't be written.
    pub fn write(
        &self,
        key: &Key,
        origin: &Origin,
        write: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let folder = self.folder("models")?;
        let aside = tempfile::Builder::new()
            .prefix(ASIDE)
            .tempdir_in(&folder)
            .map_err(Error::io(&folder, "write"))?;
        write(aside.path())?;
        let file = aside.path().join(ORIGIN);
        let text = serde_json::to_vec(origin).unwrap_or_default();
        std::fs::write(&file, text).map_err(Error::io(&file, "write"))?;
        sync(aside.path())?;
        let entry = self.entry(key);
        match std::fs::rename(aside.path(), &entry) {
            // Another process has just made the same, or a damaged one is in the way.
            Err(_) if entry.is_dir() => {}
            renamed => renamed.map_err(Error::io(&entry, "write"))?,
        }
        Ok(entry)
    }

    /// Ends the use of all models that this process has used so far.
    pub fn release(&self) {
        self.in_use.borrow_mut().clear();
    }

    /// Notes that a model is in use, now; `false` where it is not there.
    pub(super) fn hold(&self, folder: &Path) -> bool {
        let path = folder.join(WEIGHTS);
        let Ok(weights) = File::open(&path) else {
            return folder.is_dir();
        };
        if matches!(weights.try_lock_shared(), Err(TryLockError::WouldBlock)) || !path.exists() {
            // Another process is removing it.
            return false;
        }
        // For the order of use alone: another user's models may be read only.
        let _ = weights.set_modified(SystemTime::now());
        self.in_use.borrow_mut().push(weights);
        true
    }

    /// The folder of an entry.
    pub fn entry(&self, key: &Key) -> PathBuf {
        self.folder.join("models").join(key.to_string())
    }
}

/// Removes an entry: renamed first, so that nobody sees half of it.
///
/// # Errors
/// Where the folder can't be written.
pub fn discard(folder: &Path) -> Result<()> {
    let name = folder.file_name().unwrap_or_default().display();
    let aside = folder.with_file_name(format!("{ASIDE}{name}-{}", std::process::id()));
    match std::fs::rename(folder, &aside) {
        // Another process was faster.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        done => done.map_err(Error::io(folder, "remove"))?,
    }
    std::fs::remove_dir_all(&aside).map_err(Error::io(&aside, "remove"))
}

/// Waits until every file of a folder is on the disk.
fn sync(folder: &Path) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder, "read"))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let file = File::open(&path).map_err(Error::io(&path, "read"))?;
        file.sync_all().map_err(Error::io(&path, "write"))?;
    }
    Ok(())
}
