//! Writing a folder's weights: in one file, or in shards with an index where they are large.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use picklock_family::{Architecture, Parameter};
use serde_json::{Value, json};

use super::folder::{INDEX, WEIGHTS};
use super::shards::open;
use super::sources::Sources;
use crate::safetensors_file::{self, Sink, Stored};
use crate::{Error, Result};

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// The type of every number.
    pub stored: Stored,
    /// The most bytes of a file, but for single tensors that are larger.
    pub shard_bytes: u64,
}

impl Default for Storage {
    /// In float32, in files of up to 4 GB.
    fn default() -> Self {
        Self {
            stored: Stored::Float32,
            shard_bytes: 4_000_000_000,
        }
    }
}

/// What has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Numbers in all.
    pub weights: u64,
    /// Those of them that the stored type could not hold exactly.
    pub rounded: u64,
    /// Weight files.
    pub files: usize,
}

/// Writes a model's weights into a folder that is there; `fill` hands over the numbers of each
/// parameter, in parameter order. A configuration is left to the caller.
///
/// # Errors
/// What `fill` or its [`Sink`] fails with, [`Error::Io`] where a file can't be written.
pub fn store<E: From<Error>>(
    directory: &Path,
    architecture: &Architecture,
    storage: Storage,
    mut fill: impl FnMut(&Parameter, &mut Sink) -> std::result::Result<(), E>,
) -> std::result::Result<Written, E> {
    let parameters = architecture.parameters();
    let shards = cut(&parameters, storage);
    let weights = architecture.weight_count();
    let mut written = Written {
        weights,
        rounded: 0,
        files: shards.len(),
    };
    let mut places = BTreeMap::new();
    for (index, shard) in (1..).zip(&shards) {
        let name = match shards.len() {
            1 => WEIGHTS.to_owned(),
            count => format!("model-{index:05}-of-{count:05}.safetensors"),
        };
        let path = directory.join(&name);
        written.rounded += safetensors_file::write(&path, storage.stored, shard, &mut fill)?;
        let tensors = shard.iter().map(|parameter| parameter.name.clone());
        places.extend(tensors.map(|tensor| (tensor, name.clone())));
    }
    if shards.len() > 1 {
        let bytes = weights * storage.stored.bytes();
        let index = json!({ "metadata": { "total_size": bytes }, "weight_map": places });
        write_json(&directory.join(INDEX), &index)?;
    }
    Ok(written)
}

/// Copies the weights of a Hugging Face folder into another, a tensor at a time; `before` is called
/// ahead of each.
///
/// # Errors
/// As [`crate::Model::load`] and [`store`], and what `before` fails with.
pub fn convert<E: From<Error>>(
    from: &Path,
    to: &Path,
    storage: Storage,
    mut before: impl FnMut(&Parameter) -> std::result::Result<(), E>,
) -> std::result::Result<Written, E> {
    let (architecture, shards) = open(from)?;
    let sources = Sources::checked(&architecture, &shards, from)?;
    store(to, &architecture, storage, |parameter, sink| {
        before(parameter)?;
        Ok(sink.write(&sources.tensor(parameter)?)?)
    })
}

/// Writes a JSON file aside and renames it.
///
/// # Errors
/// [`Error::Io`] where it can't be written.
pub fn write_json(path: &Path, value: &Value) -> Result<()> {
    safetensors_file::write_aside(path, |file| {
        writeln!(file, "{value:#}").map_err(Error::io(path))
    })
}

/// Cuts parameters into runs that fit a file.
fn cut(parameters: &[Parameter], storage: Storage) -> Vec<&[Parameter]> {
    let most = storage.shard_bytes / storage.stored.bytes();
    let mut used = parameters.first().map_or(0, Parameter::numbers);
    let fits = |_: &Parameter, next: &Parameter| {
        used += next.numbers();
        let fits = used <= most;
        if !fits {
            used = next.numbers();
        }
        fits
    };
    parameters.chunk_by(fits).collect()
}

#[cfg(test)]
mod tests {
    use picklock_family::Role;

    use super::*;

    #[test]
    fn files_are_as_full_as_they_may_be() {
        let parameter = |(index, size): (usize, &i64)| Parameter {
            name: index.to_string(),
            shape: vec![*size, 2],
            role: Role::Bias,
        };
        let sizes = [1, 2, 3, 9, 1, 1];
        let parameters: Vec<_> = sizes.iter().enumerate().map(parameter).collect();
        let counts = |stored, shard_bytes| -> Vec<usize> {
            let storage = Storage {
                stored,
                shard_bytes,
            };
            cut(&parameters, storage)
                .iter()
                .map(|shard| shard.len())
                .collect()
        };
        assert_eq!(counts(Stored::Float32, 24), [2, 1, 1, 2]);
        assert_eq!(counts(Stored::Bfloat16, 24), [3, 1, 2]);
        assert_eq!(counts(Stored::Float32, 1000), [6]);
    }
}
