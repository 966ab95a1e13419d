//! `picklock import`: a GGUF file becomes a Hugging Face folder.

use std::path::PathBuf;

use clap::Args;
use picklock_convert::gguf;
use picklock_lm::{Storage, runtime};
use picklock_message::{Result, sayln};

use crate::cli::storage::{Dtype, summary};

/// Write the model of a GGUF file (Llama or Qwen2, quantised or not) as a Hugging Face folder, with
/// its tokenizer and chat template.
#[derive(Args)]
pub struct Import {
    /// The file.
    #[arg(value_name = "FILE.gguf")]
    file: PathBuf,
    /// The folder, which must not be there yet.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What weights are stored in. Only float32 holds every quantised one exactly.
    #[arg(long, value_enum, default_value_t)]
    dtype: Dtype,
}

impl Import {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the file can't be understood, or the folder is there already or can't be written.
    pub fn main(&self) -> Result<bool> {
        runtime::start(Some(1));
        let storage = Storage {
            stored: self.dtype.into(),
            ..Storage::default()
        };
        let imported = gguf::import(&self.file, &self.folder, storage)?;
        let told = summary(&imported.architecture, imported.written, storage);
        sayln!("{}: {told}", self.folder.display());
        Ok(false)
    }
}
