//! `picklock import`: a GGUF file becomes a Hugging Face folder.

use std::path::PathBuf;

use clap::Args;
use picklock_convert::gguf;
use picklock_lm::runtime;
use picklock_message::{Exit, Result, sayln};

use crate::args::dtype::Dtype;
use crate::output::weights;

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
    pub fn main(&self) -> Result<Exit> {
        runtime::start(Some(1));
        let storage = self.dtype.into();
        let imported = gguf::import(&self.file, &self.folder, storage)?;
        sayln!(
            "{}",
            weights(
                &self.folder,
                &imported.architecture,
                imported.written,
                storage
            )
        );
        Ok(Exit::Done)
    }
}
