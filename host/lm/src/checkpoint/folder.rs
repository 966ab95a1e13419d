//! The folder itself: whether it is one, and what it holds in the place of weights.

use std::path::Path;

use super::shards::INDEX;
use super::{CONFIG, WEIGHTS};
use crate::{Error, Result};

/// Refuses what isn't the folder of a model with weights that can be read.
pub(super) fn check(directory: &Path) -> Result<()> {
    look(directory).map_err(|error| error.in_file(directory))
}

fn look(directory: &Path) -> Result<()> {
    let other = match std::fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => None,
        Ok(_) => Some("a file"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some("nothing there"),
        Err(source) => {
            let path = directory.to_owned();
            return Err(Error::Io { path, source });
        }
    };
    if let Some(other) = other {
        let advice = format!("give the folder that holds {CONFIG} and {WEIGHTS}");
        return Err(absent("a folder", other, advice));
    }
    let holds = |name: &str| directory.join(name).exists();
    if !holds(CONFIG) {
        let advice = "give the folder of a Hugging Face model".to_owned();
        return Err(absent(CONFIG, "a folder without it", advice));
    }
    if holds(WEIGHTS) || holds(INDEX) {
        return Ok(());
    }
    Err(match pickled(directory) {
        Some(name) => absent(WEIGHTS, &name, conversion(directory)),
        None => absent(
            WEIGHTS,
            "a folder without weights",
            "get the folder again".to_owned(),
        ),
    })
}

/// A file of weights in another form: Python's, which runs code when it is opened, or other
/// libraries'.
fn pickled(directory: &Path) -> Option<String> {
    let entries = std::fs::read_dir(directory).ok()?.flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let other = |name: &String| {
        let known = [
            ".bin",
            ".bin.index.json",
            ".pt",
            ".pth",
            ".ckpt",
            ".h5",
            ".msgpack",
        ];
        known.iter().any(|ending| name.ends_with(ending))
    };
    names.filter(other).min()
}

fn conversion(directory: &Path) -> String {
    let from = directory.display();
    format!(
        "convert it, if you trust it: python3 -c \"from transformers import AutoModelForCausalLM as M; \
         M.from_pretrained('{from}', dtype='auto').save_pretrained('{from}-safetensors')\""
    )
}

fn absent(expected: &'static str, got: &str, advice: String) -> Error {
    let got = got.to_owned();
    Error::Folder {
        expected,
        got,
        advice,
    }
}
