//! The cache: trained models under the key of their recipe, as Hugging Face directories.

use std::path::{Path, PathBuf};

use picklock_lm::{Device, Model};
use tokenizers::Tokenizer;

use super::key::Key;
use crate::error::{Error, Result};

/// A folder of models that any run may share.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
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
        Ok(Self { folder })
    }

    /// The cache in this folder.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
        }
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

    /// Whether the model is there.
    pub fn holds(&self, key: &Key) -> bool {
        self.model(key).is_dir()
    }

    /// The model of this key, where it is there.
    ///
    /// # Errors
    /// Where it is there and damaged: it can be made again.
    pub fn load(&self, key: &Key, device: Device) -> Result<Option<Model>> {
        let folder = self.model(key);
        match folder.is_dir() {
            true => Ok(Some(Model::load(&folder, device)?)),
            false => Ok(None),
        }
    }

    /// Keeps a model: written aside, then renamed, so that nobody sees half of it.
    ///
    /// # Errors
    /// Where the folder can't be written.
    pub fn store(&self, key: &Key, model: &Model, tokenizer: &Tokenizer) -> Result<()> {
        let folder = self.folder("models")?;
        let aside = tempfile::Builder::new()
            .prefix(".model-")
            .tempdir_in(&folder)
            .map_err(Error::io(&folder, "write"))?;
        model.save(aside.path())?;
        let file = aside.path().join("tokenizer.json");
        tokenizer
            .save(&file, false)
            .map_err(|error| Error::file(&file, error.to_string()))?;
        let place = self.model(key);
        if place.is_dir() {
            std::fs::remove_dir_all(&place).map_err(Error::io(&place, "replace"))?;
        }
        match std::fs::rename(aside.path(), &place) {
            // Another worker has just made the same model.
            Err(_) if place.is_dir() => Ok(()),
            other => other.map_err(Error::io(&place, "write")),
        }
    }

    fn model(&self, key: &Key) -> PathBuf {
        Path::new(&self.folder).join("models").join(key.to_string())
    }
}
