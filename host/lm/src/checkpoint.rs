//! Models as Hugging Face folders: `config.json` and `model.safetensors`, or shards with an index.

mod folder;
mod reading;
mod shards;
mod sources;
mod store;

use std::collections::BTreeMap;
use std::path::Path;

use picklock_family::Architecture;
use sha2::{Digest, Sha256};

use crate::{Device, Error, Kind, Model, Result, Tensor, safetensors_file};
use shards::Shards;
use sources::Sources;

pub use store::{Storage, Written, convert, store, write_json};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";

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
        std::fs::create_dir_all(directory).map_err(|source| Error::Io {
            path: directory.to_owned(),
            source,
        })?;
        let mut weights = self.weights().iter();
        let architecture = self.architecture();
        let written = store(directory, architecture, storage, |_, sink| {
            weights
                .next()
                .map_or(Ok(()), |(_, tensor)| sink.write(tensor))
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
        let mut hash = Sha256::new();
        for (name, tensor) in self.single_tensors("a digest")? {
            hash.update(format!("{name} F32 {:?}\n", tensor.size()));
            hash.update(safetensors_file::bytes(&tensor)?);
        }
        let digits = hash.finalize();
        let digits = digits.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        Ok(digits
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect())
    }

    /// The tensors of a stack of one, without the replica dimension, on the CPU.
    fn single_tensors(&self, what: &'static str) -> Result<BTreeMap<String, Tensor>> {
        self.check_single(what)?;
        let single = |(name, tensor): (&str, &Tensor)| {
            Ok((
                name.to_owned(),
                tensor.f_squeeze_dim(0)?.f_to_device(Device::Cpu)?,
            ))
        };
        self.weights().iter().map(single).collect()
    }

    fn check_single(&self, what: &'static str) -> Result<()> {
        match self.replicas() {
            1 => Ok(()),
            more => Err(Error::argument(what, "a stack of 1 replica", more)),
        }
    }
}

/// What a folder's configuration says, and its weight files.
fn open(directory: &Path) -> Result<(Architecture, Shards)> {
    folder::check(directory)?;
    Ok((
        Architecture::of_directory(directory)?,
        Shards::open(directory)?,
    ))
}
