//! Models as Hugging Face folders: `config.json` and `model.safetensors`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::safetensors_file::{self, SafetensorsFile};
use crate::{Architecture, Device, Error, Kind, Model, Result, Tensor, Weights};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";

impl Model {
    /// Reads a Hugging Face folder; float16 and bfloat16 weights become float32.
    ///
    /// # Errors
    /// [`Error::Io`] where a file can't be read, else [`Error::File`] naming the file, with what is
    /// wrong in it.
    pub fn load(directory: &Path, device: Device) -> Result<Self> {
        let config = directory.join(CONFIG);
        let text = std::fs::read(&config).map_err(|source| Error::Io {
            path: config.clone(),
            source,
        })?;
        let architecture = serde_json::from_slice(&text)
            .map_err(Error::from)
            .and_then(|value| Architecture::from_config(&value))
            .map_err(|error| error.in_file(&config))?;
        let path = directory.join(WEIGHTS);
        read_weights(&architecture, &SafetensorsFile::open(&path)?, device)
            .and_then(|weights| Self::new(architecture, weights))
            .map_err(|error| error.in_file(&path))
    }

    /// Writes a Hugging Face folder that transformers opens. Each file is written aside and then
    /// renamed, the configuration last.
    ///
    /// # Errors
    /// [`Error::Argument`] for a stack of more than one, [`Error::Io`] where a file can't be
    /// written.
    pub fn save(&self, directory: &Path) -> Result<()> {
        let tensors = self.single_tensors("saving")?;
        std::fs::create_dir_all(directory).map_err(|source| Error::Io {
            path: directory.to_owned(),
            source,
        })?;
        safetensors_file::write(&directory.join(WEIGHTS), &tensors)?;
        let path = directory.join(CONFIG);
        let mut text = serde_json::to_string_pretty(&self.architecture().to_config())?;
        text.push('\n');
        safetensors_file::write_aside(&path, |file| {
            file.write_all(text.as_bytes()).map_err(|source| Error::Io {
                path: path.clone(),
                source,
            })
        })
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
        if self.replicas() != 1 {
            return Err(Error::argument(
                what,
                "a stack of 1 replica",
                self.replicas(),
            ));
        }
        let single = |(name, tensor): (&str, &Tensor)| {
            Ok((
                name.to_owned(),
                tensor.f_squeeze_dim(0)?.f_to_device(Device::Cpu)?,
            ))
        };
        self.weights().iter().map(single).collect()
    }
}

/// All parameters of a file, `[1, ...]`; shapes are checked before anything is read.
fn read_weights(
    architecture: &Architecture,
    file: &SafetensorsFile,
    device: Device,
) -> Result<Weights> {
    let mut stored = BTreeMap::new();
    for name in file.names() {
        if let Some(parameter) = architecture.parameter_name(name) {
            stored.insert(parameter, name);
        }
    }
    let mut weights = Weights::default();
    for parameter in architecture.parameters() {
        let Some(name) = stored.remove(&parameter.name) else {
            return Err(Error::MissingTensor {
                tensor: parameter.name,
                expected: parameter.shape,
            });
        };
        let got = file.shape(name).unwrap_or_default();
        if got != parameter.shape {
            return Err(Error::Misshapen {
                tensor: name.to_owned(),
                expected: parameter.shape,
                got,
            });
        }
        weights.insert(parameter.name, read_parameter(file, name, device)?);
    }
    match stored.into_values().next() {
        Some(name) => Err(Error::ExtraTensor {
            tensor: name.to_owned(),
            architecture: architecture.name(),
        }),
        None => Ok(weights),
    }
}

fn read_parameter(file: &SafetensorsFile, name: &str, device: Device) -> Result<Tensor> {
    let tensor = file.read(name)?;
    match tensor.f_kind()? {
        Kind::Float | Kind::Half | Kind::BFloat16 => {}
        other => {
            let (tensor, got) = (name.to_owned(), format!("{other:?}"));
            return Err(Error::DataType {
                tensor,
                expected: "F32, F16 or BF16",
                got,
            });
        }
    }
    Ok(tensor
        .f_to_kind(Kind::Float)?
        .f_unsqueeze(0)?
        .f_to_device(device)?)
}
