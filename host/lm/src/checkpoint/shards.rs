//! The weight files of a folder: `model.safetensors`, or the shards that an index names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use picklock_family::{Architecture, read_small};
use serde::Deserialize;

use super::folder::{self, INDEX, WEIGHTS};
use crate::safetensors_file::SafetensorsFile;
use crate::{Error, Result};

/// The tensors of one or more files.
pub(super) struct Shards {
    /// The only file, or the index.
    pub(super) path: PathBuf,
    files: Vec<SafetensorsFile>,
    /// Which of the files holds each tensor.
    places: BTreeMap<String, usize>,
}

/// What a folder's configuration says, and its weight files.
pub(super) fn open(directory: &Path) -> Result<(Architecture, Shards)> {
    folder::check(directory)?;
    Ok((
        Architecture::of_directory(directory)?,
        Shards::open(directory)?,
    ))
}

/// What an index says; its `metadata` only repeats what the shards' headers tell.
#[derive(Deserialize)]
struct Index {
    /// The file of each tensor.
    weight_map: BTreeMap<String, String>,
}

impl Shards {
    /// Opens the one file where it is there, as transformers does, and else the index's.
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let (single, index) = (directory.join(WEIGHTS), directory.join(INDEX));
        if !single.exists() && index.exists() {
            return Self::open_index(directory, &index).map_err(|error| error.in_file(index));
        }
        let file = SafetensorsFile::open(&single)?;
        let places = file.names().map(|name| (name.to_owned(), 0)).collect();
        Ok(Self {
            path: single,
            files: vec![file],
            places,
        })
    }

    fn open_index(directory: &Path, path: &Path) -> Result<Self> {
        let Index { weight_map } = serde_json::from_slice(&read_small(path)?)
            .map_err(|error| damaged("content", "a weight_map of file names", error))?;
        let names: BTreeSet<&String> = weight_map.values().collect();
        if let Some(outside) = names.iter().find(|name| !is_file_name(name)) {
            let expected = "names of files in this folder";
            return Err(damaged("weight_map", expected, format!("`{outside}`")));
        }
        if let Some(missing) = names.iter().find(|name| !directory.join(name).exists()) {
            let got = format!("`{missing}`, which is not there");
            return Err(damaged("weight_map", "files of this folder", got));
        }
        let paths = names.iter().map(|name| directory.join(name));
        let files: Vec<_> = paths
            .map(|path| SafetensorsFile::open(&path))
            .collect::<Result<_>>()?;
        let mut places = BTreeMap::new();
        for (index, (file, own)) in files.iter().zip(&names).enumerate() {
            for tensor in file.names() {
                match weight_map.get(tensor) {
                    Some(place) if place == *own => places.insert(tensor.to_owned(), index),
                    place => {
                        let got = place.map_or("none", String::as_str);
                        return Err(damaged(format!("place of `{tensor}`"), *own, got));
                    }
                };
            }
        }
        let absent = |(name, _): &(&String, &String)| !places.contains_key(*name);
        if let Some((tensor, place)) = weight_map.iter().find(absent) {
            let what = format!("place of `{tensor}`");
            return Err(damaged(what, "a file that holds it", place));
        }
        Ok(Self {
            path: path.to_owned(),
            files,
            places,
        })
    }

    /// Bytes of all tensors.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(SafetensorsFile::bytes).sum()
    }

    /// All tensors, each with its file.
    pub(super) fn tensors(&self) -> impl Iterator<Item = (&str, &SafetensorsFile)> {
        let places = self.places.iter();
        places.map(|(name, &index)| (name.as_str(), &self.files[index]))
    }
}

/// Whether a path is the name of a file and nothing else.
fn is_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
}

fn damaged(
    what: impl Into<String>,
    expected: impl Into<String>,
    got: impl std::fmt::Display,
) -> Error {
    Error::damaged(["index", "folder"], what, expected, got)
}
