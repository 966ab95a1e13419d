//! Models as Hugging Face folders: `config.json` and `model.safetensors`, or shards with an index.

mod folder;
mod reading;
mod shards;
mod sources;
mod store;

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{Device, Error, Kind, Model, Result, Tensor, safetensors_file};
use folder::CONFIG;
use shards::{Shards, open};
use sources::Sources;

pub use store::{Storage, Written, convert, store, write_json};

impl Model {
    /// Reads a Hugging Face folder; float16 and bfloat16 weights become float32.
    ///
    /// # Errors
    /// As [`Model::load_as`].
    pub fn load(directory: &Path, device: Device) -> Result<Self> {
        Self::load_as(directory, Kind::Float, device)
    }

    /// Reads a Hugging Face folder into weights of a type, float32 or bfloat16. Besides the model, a
    /// few megabytes of host memory are in use at a time.
    ///
    /// # Errors
    /// [`Error::Io`] where a file can't be read, else [`Error::File`] naming the file, with what is
    /// wrong in it, and [`Error::Argument`] for another type. Everything but the numbers is checked
    /// before any are read.
    pub fn load_as(directory: &Path, kind: Kind, device: Device) -> Result<Self> {
        if !matches!(kind, Kind::Float | Kind::BFloat16) {
            let got = format!("{kind:?}");
            return Err(Error::argument("type of weights", "Float or BFloat16", got));
        }
        let (architecture, shards) = open(directory)?;
        let sources = Sources::checked(&architecture, &shards, directory)?;
        sources.read(architecture, kind, device)
    }

    /// Checks everything of a Hugging Face folder but the numbers.
    ///
    /// # Errors
    /// As [`Model::load_as`].
    pub fn check(directory: &Path) -> Result<()> {
        let (architecture, shards) = open(directory)?;
        Sources::checked(&architecture, &shards, directory).map(drop)
    }

    /// Bytes of the numbers that a Hugging Face folder holds, from its headers alone.
    ///
    /// # Errors
    /// As [`Model::load_as`].
    pub fn stored_bytes(directory: &Path) -> Result<u64> {
        folder::check(directory)?;
        Ok(Shards::open(directory)?.bytes())
    }

    /// Writes a Hugging Face folder that transformers opens, in float32. Each file is written aside
    /// and then renamed, the configuration last.
    ///
    /// # Errors
    /// As [`Model::save_as`].
    pub fn save(&self, directory: &Path) -> Result<()> {
        self.save_as(directory, Storage::default()).map(drop)
    }

    /// As [`Model::save`], in another type or in other shards.
    ///
    /// # Errors
    /// [`Error::Argument`] for a stack of more than one, [`Error::OutOfRange`] for a weight that the
    /// type can't hold, [`Error::Io`] where a file can't be written.
    pub fn save_as(&self, directory: &Path, storage: Storage) -> Result<Written> {
        self.check_single("saving")?;
        std::fs::create_dir_all(directory).map_err(Error::io(directory))?;
        let mut weights = self.weights().iter();
        let architecture = self.architecture();
        let written = store(directory, architecture, storage, |_, sink| {
            match weights.next() {
                Some((_, tensor)) => sink.write(tensor),
                None => Ok(()),
            }
        })?;
        let mut config = architecture.to_config();
        config["torch_dtype"] = storage.stored.name().into();
        write_json(&directory.join(CONFIG), &config)?;
        Ok(written)
    }

    /// SHA-256 over all tensors in the order of their names (name, type, shape, numbers), in hex.
    ///
    /// # Errors
    /// [`Error::Argument`] for a stack of more than one.
    pub fn digest(&self) -> Result<String> {
        self.check_single("a digest")?;
        let mut hash = Sha256::new();
        let named: BTreeMap<&str, &Tensor> = self.weights().iter().collect();
        for (name, tensor) in named {
            let single = tensor.f_squeeze_dim(0)?.f_to_device(Device::Cpu)?;
            hash.update(format!("{name} F32 {:?}\n", single.size()));
            hash.update(safetensors_file::bytes(&single)?);
        }
        let digest = hash.finalize();
        let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let hex = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
        Ok(hex.collect())
    }

    fn check_single(&self, what: &'static str) -> Result<()> {
        match self.replicas() {
            1 => Ok(()),
            more => Err(Error::argument(what, "a stack of 1 replica", more)),
        }
    }
}
