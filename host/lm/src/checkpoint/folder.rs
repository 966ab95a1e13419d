//! The folder itself: whether it is one, and what it holds in the place of weights.

use std::path::Path;

use crate::{Error, Result};

pub(super) const CONFIG: &str = "config.json";
pub(super) const WEIGHTS: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// What names of weight files in other forms end with.
const OTHERS: [&str; 7] = [
    ".bin",
    ".bin.index.json",
    ".pt",
    ".pth",
    ".ckpt",
    ".h5",
    ".msgpack",
];

/// Refuses what isn't the folder of a model with weights that can be read.
pub(super) fn check(directory: &Path) -> Result<()> {
    look(directory).map_err(|error| error.in_file(directory))
}

fn look(directory: &Path) -> Result<()> {
    let no_folder = |got| {
        let advice = format!("give the folder that holds {CONFIG} and {WEIGHTS}");
        Err(absent("a folder", got, advice))
    };
    match std::fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return no_folder("a file"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return no_folder("nothing there");
        }
        Err(error) => return Err(Error::io(directory)(error)),
    }
    let holds = |name: &str| directory.join(name).exists();
    if !holds(CONFIG) {
        let advice = "give the folder of a Hugging Face model";
        return Err(absent(CONFIG, "a folder without it", advice));
    }
    if holds(WEIGHTS) || holds(INDEX) {
        return Ok(());
    }
    Err(match pickled(directory) {
        Some(name) => absent(WEIGHTS, &name, conversion(directory)),
        None => absent(WEIGHTS, "a folder without weights", "get the folder again"),
    })
}

/// A file of weights in another form: Python's, which runs code when it is opened, or other
/// libraries'.
fn pickled(directory: &Path) -> Option<String> {
    let entries = std::fs::read_dir(directory).ok()?.flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let other = |name: &String| OTHERS.iter().any(|ending| name.ends_with(ending));
    names.filter(other).min()
}

fn conversion(directory: &Path) -> String {
    let from = directory.display();
    format!(
        "convert it, if you trust it: python3 -c \"from transformers import AutoModelForCausalLM as M; \
         M.from_pretrained('{from}', dtype='auto').save_pretrained('{from}-safetensors')\""
    )
}

fn absent(expected: &'static str, got: &str, advice: impl Into<String>) -> Error {
    let (got, advice) = (got.to_owned(), advice.into());
    Error::Folder {
        expected,
        got,
        advice,
    }
}
