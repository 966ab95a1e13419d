//! Models as Hugging Face folders: `config.json` and `model.safetensors`, or shards with an index.

mod shards;
mod store;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::safetensors_file::{self, SafetensorsFile};
use crate::{Architecture, Device, Error, Model, Result, Tensor, Weights};
use shards::Shards;
pub use store::{Storage, Written, convert, store, write_json};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";

/// The longest configuration or index that is believed, in bytes.
const LONGEST_JSON: u64 = 1 << 26;

impl Architecture {
    /// Reads what the model of a Hugging Face folder is, without its weights.
    ///
    /// # Errors
    /// [`Error::Io`] where `config.json` can't be read, else [`Error::File`] with what is wrong in it.
    pub fn of_directory(directory: &Path) -> Result<Self> {
        let config = directory.join(CONFIG);
        read_small(&config)
            .and_then(|text| Ok(serde_json::from_slice(&text)?))
            .and_then(|value| Self::from_config(&value))
            .map_err(|error| error.in_file(&config))
    }
}

impl Model {
    /// Reads a Hugging Face folder; float16 and bfloat16 weights become float32. Besides the model,
    /// a few megabytes are in memory at a time.
    ///
    /// # Errors
    /// [`Error::Io`] where a file can't be read, else [`Error::File`] naming the file, with what is
    /// wrong in it. Everything but the numbers is checked before any are read.
    pub fn load(directory: &Path, device: Device) -> Result<Self> {
        let (architecture, shards) = open(directory)?;
        let sources = Sources::checked(&architecture, &shards, directory)?;
        let weights = sources.read(device)?;
        Self::new(architecture, weights)
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
    Ok((
        Architecture::of_directory(directory)?,
        Shards::open(directory)?,
    ))
}

/// A stored tensor: its name and its file.
type Source<'a> = (&'a str, &'a SafetensorsFile);

/// Where a model's parameters are stored.
struct Sources<'a> {
    /// In parameter order.
    parameters: Vec<(String, Source<'a>)>,
    /// Embedding and head of a tied model that has both.
    tied: Option<[Source<'a>; 2]>,
}

impl<'a> Sources<'a> {
    /// Finds all parameters and checks everything but the numbers; errors name the file.
    fn checked(architecture: &Architecture, shards: &'a Shards, directory: &Path) -> Result<Self> {
        let sources =
            Self::new(architecture, shards).map_err(|error| error.in_file(shards.path()))?;
        sources
            .check_tie()
            .map_err(|error| error.in_file(directory.join(CONFIG)))?;
        Ok(sources)
    }

    /// Finds all parameters, and checks their shapes and types.
    fn new(architecture: &Architecture, shards: &'a Shards) -> Result<Self> {
        let extra = |tensor: &str| Error::ExtraTensor {
            tensor: tensor.to_owned(),
            architecture: architecture.name(),
        };
        let mut stored = BTreeMap::new();
        for source in shards.tensors() {
            let name = architecture.parameter_name(source.0);
            if let Some(name) = name
                && stored.insert(name, source).is_some()
            {
                return Err(extra(source.0));
            }
        }
        let tied = take_tied(architecture, &mut stored);
        let mut parameters = Vec::new();
        for parameter in architecture.parameters() {
            let Some(source) = stored.remove(&parameter.name) else {
                return Err(Error::MissingTensor {
                    tensor: parameter.name,
                    expected: parameter.shape,
                });
            };
            source.1.check(source.0, &parameter.shape)?;
            parameters.push((parameter.name, source));
        }
        match stored.into_values().next() {
            Some((name, _)) => Err(extra(name)),
            None => Ok(Self { parameters, tied }),
        }
    }

    /// Refuses a head that differs from the embedding in a model that says they are one:
    /// implementations don't agree on which to believe.
    fn check_tie(&self) -> Result<()> {
        let Some([embedding, head]) = self.tied else {
            return Ok(());
        };
        if SafetensorsFile::same(embedding, head)? {
            return Ok(());
        }
        Err(Error::Config {
            key: "tie_word_embeddings".to_owned(),
            expected: format!("false, as `{}` is not `{}`", head.0, embedding.0),
            got: "true".to_owned(),
        })
    }

    /// All parameters, `[1, ...]`.
    fn read(&self, device: Device) -> Result<Weights> {
        let read = |(name, (stored, file)): &(String, Source)| {
            Ok((name.clone(), file.read(stored, device)?.f_unsqueeze(0)?))
        };
        self.parameters.iter().map(read).collect()
    }
}

/// Takes out the head of a tied model. Where the embedding isn't stored, the head is the embedding.
fn take_tied<'a>(
    architecture: &Architecture,
    stored: &mut BTreeMap<String, Source<'a>>,
) -> Option<[Source<'a>; 2]> {
    let [embedding, head] = architecture.tied_names()?;
    let copy = stored.remove(&head)?;
    if let Some(own) = stored.get(&embedding) {
        return Some([*own, copy]);
    }
    stored.insert(embedding, copy);
    None
}

/// A whole file of text, if it is no longer than is sensible.
fn read_small(path: &Path) -> Result<Vec<u8>> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(LONGEST_JSON + 1)
        .read_to_end(&mut text)
        .map_err(io)?;
    if text.len() as u64 > LONGEST_JSON {
        let expected = format!("at most {LONGEST_JSON} bytes");
        return Err(Error::argument("length", expected, "more"));
    }
    Ok(text)
}
