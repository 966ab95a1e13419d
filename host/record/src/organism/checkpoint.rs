//! A checkpoint that an organism is made of: a Hugging Face directory, named in the organism file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use picklock_family::Architecture;
use picklock_files::Key;
use picklock_message::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where checkpoints are looked for that are not beside the organism file.
pub const MODELS: &str = "PICKLOCK_MODELS";

/// A checkpoint, and which one it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Its directory: beside the organism file, in the folder `PICKLOCK_MODELS`, or as
    /// `owner/name` in the Hugging Face cache.
    pub directory: PathBuf,
    /// SHA-256 over its configuration, weights and tokenizer. Where the organism file gives it, it
    /// must be that; else it is noted when the file is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Key>,
}

impl Checkpoint {
    /// Finds the directory from an organism file in the folder `beside`, and its digest.
    ///
    /// # Errors
    /// Where it isn't there, can't be read, or is another one than the file says.
    pub(super) fn resolve(&mut self, beside: &Path) -> Result<()> {
        let near = beside.join(&self.directory);
        if near.is_dir() {
            self.directory = std::path::absolute(&near).map_err(Error::io(&near, "find"))?;
        }
        let directory = self.find()?;
        let digest = digest(&directory)?;
        if let Some(expected) = self.digest.as_ref().filter(|expected| **expected != digest) {
            let problem = format!(
                "is not the checkpoint that the organism file means: digest {digest}, expected {expected}"
            );
            return Err(Error::file(&directory, problem));
        }
        self.digest = Some(digest);
        Ok(())
    }

    /// What a task needs of it.
    ///
    /// # Errors
    /// Where it isn't there, or its configuration can't be read.
    pub(super) fn opened(&self) -> Result<picklock_task::Checkpoint> {
        let directory = self.find()?;
        let architecture = Architecture::of_directory(&directory)?;
        Ok(picklock_task::Checkpoint {
            vocab_size: architecture.vocab_size() as usize,
            context: architecture.max_positions() as usize,
            directory,
        })
    }

    /// Where it is.
    ///
    /// # Errors
    /// Where it isn't there: all places that were looked at.
    pub fn find(&self) -> Result<PathBuf> {
        let places = self.places();
        let is_there = |place: &&PathBuf| place.join("config.json").is_file();
        if let Some(found) = places.iter().find(is_there) {
            return Ok(found.clone());
        }
        let places: Vec<String> = places.iter().map(|at| at.display().to_string()).collect();
        let beside = if self.directory.is_absolute() {
            ""
        } else {
            "beside the organism file, and "
        };
        let problem = format!(
            "no checkpoint there: looked for config.json {beside}in {}; put a Hugging Face folder in one of these \
             places (picklock import makes one of a GGUF file), or set {MODELS} to the folder that holds it",
            places.join(", ")
        );
        Err(Error::file(&self.directory, problem))
    }

    fn places(&self) -> Vec<PathBuf> {
        let mut places = vec![self.directory.clone()];
        if self.directory.is_absolute() {
            return places;
        }
        if let Some(models) = set(MODELS) {
            places.push(models.join(&self.directory));
        }
        if let Some(snapshots) = self.snapshots() {
            let entries = std::fs::read_dir(&snapshots)
                .into_iter()
                .flatten()
                .flatten();
            let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
            found.sort();
            places.extend(found);
            places.push(snapshots.join("*"));
        }
        places
    }

    /// The snapshots of `owner/name`, or of a model without an owner, in the Hugging Face cache.
    fn snapshots(&self) -> Option<PathBuf> {
        let home = set("HF_HOME").or_else(|| Some(set("HOME")?.join(".cache/huggingface")))?;
        let name = self.directory.to_str()?.replace('/', "--");
        Some(home.join(format!("hub/models--{name}/snapshots")))
    }
}

fn set(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

/// SHA-256 over name, size and content of the files that make a checkpoint what it is.
fn digest(directory: &Path) -> Result<Key> {
    let others = [
        "config.json",
        "model.safetensors.index.json",
        "tokenizer.json",
    ];
    let counts = |name: &String| name.ends_with(".safetensors") || others.contains(&&**name);
    let entries = std::fs::read_dir(directory).map_err(Error::io(directory, "read"))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(counts)
        .collect();
    names.sort();
    let mut hash = Sha256::new();
    let mut part = vec![0; 1 << 20];
    for name in names {
        let path = directory.join(&name);
        let refused = || Error::io(&path, "read");
        let mut file = File::open(&path).map_err(refused())?;
        let size = file.metadata().map_err(refused())?.len();
        hash.update(format!("{name} {size}\n"));
        loop {
            match file.read(&mut part).map_err(refused())? {
                0 => break,
                read => hash.update(&part[..read]),
            }
        }
    }
    Ok(Key::of_hash(hash))
}
