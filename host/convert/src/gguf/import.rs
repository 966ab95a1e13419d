//! From a GGUF file to a Hugging Face folder.

use std::path::Path;

use picklock_lm::{Storage, Written, store};
use picklock_message::{Error, Result, Watch};

use super::file::GgufFile;
use super::{config, tensors, tokenizer};
use crate::folder::{Card, Exported, NewFolder, described};

/// Writes the model of a GGUF file as a Hugging Face folder, a few million weights at a time.
///
/// # Errors
/// Where the file can't be understood, or the folder is there already or can't be written.
pub fn import(from: &Path, to: &Path, storage: Storage) -> Result<Exported> {
    let file = GgufFile::open(from)?;
    let architecture = config::architecture(&file)?;
    tensors::check(&file, &architecture, &[config::FREQUENCY_FACTORS])?;
    let (words, longest) = (architecture.vocab_size(), architecture.max_positions());
    let tokenizer = tokenizer::read(&file.metadata(), words as usize, longest);
    let tokenizer = tokenizer.map_err(|problem| file.refuse(&problem))?;
    let folder = NewFolder::at(to)?;
    let watch = Watch::new("importing", architecture.weight_count());
    let written = store(folder.path(), &architecture, storage, |parameter, sink| {
        tensors::copy(&file, &architecture, parameter, (sink, &watch))
    })
    .map_err(|error| in_file(error, from))?;
    let mut config = described(architecture.to_config(), storage);
    if let (Some(config), Some(ids)) = (config.as_object_mut(), tokenizer.ids.as_object()) {
        config.extend(ids.clone());
    }
    folder.write_json("config.json", &config)?;
    folder.write_json("generation_config.json", &tokenizer.ids)?;
    folder.write_json("tokenizer_config.json", &tokenizer.config)?;
    let text = tokenizer.tokenizer.to_string(true);
    let text = text.map_err(|error| file.refuse(&error.to_string()))?;
    folder.write("tokenizer.json", &text)?;
    folder.write("README.md", &card(&file, &written, storage)?.markdown())?;
    folder.finish()?;
    Ok(Exported {
        architecture,
        written,
    })
}

fn card(file: &GgufFile, written: &Written, storage: Storage) -> Result<Card> {
    let metadata = file.metadata();
    let refused = |problem: String| file.refuse(&problem);
    let text = |key: &str| metadata.optional_text(key).map_err(refused);
    let name = file
        .path()
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let title = text("general.name")?.unwrap_or(&name);
    Ok(Card::new(title)
        .license(text("general.license")?)
        .line("imported from", &name)
        .line("weights", written.weights)
        .line("stored as", storage.stored.name())
        .line("rounded in storing", written.rounded))
}

/// An error about weights, with the file that they come from.
fn in_file(error: Error, path: &Path) -> Error {
    use picklock_lm::Error::{NotFinite, OutOfRange};
    match error {
        Error::Model(error)
            if matches!(
                error.downcast_ref(),
                Some(NotFinite { .. } | OutOfRange { .. })
            ) =>
        {
            Error::file(path, error.to_string())
        }
        other => other,
    }
}
