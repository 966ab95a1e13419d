//! `picklock export`: a model as a Hugging Face folder for other tools.

use std::path::PathBuf;

use clap::Args;
use picklock_convert::{NewFolder, export_folder, export_organism};
use picklock_lm::runtime;
use picklock_message::{Exit, Result, sayln};
use picklock_record::Roots;

use crate::args::dtype::Dtype;
use crate::args::model::{Chosen, ModelArgs, make};
use crate::output::weights;

/// Write a model as a Hugging Face folder that transformers and lm-evaluation-harness open: a folder
/// in another type, or a model of an organism, as in `picklock export --organism tiny --kind
/// unlocked DIR`.
#[derive(Args)]
#[command(allow_missing_positional = true)]
pub struct Export {
    #[command(flatten)]
    source: ModelArgs,
    /// The folder to write, which must not be there yet.
    #[arg(value_name = "DIR", required = true)]
    folder: PathBuf,
    /// What weights are stored in.
    #[arg(long, value_enum, default_value_t)]
    dtype: Dtype,
    /// Where an organism's model is made: cpu or cuda:N.
    #[arg(
        long,
        default_value = "cpu",
        value_name = "DEVICE",
        conflicts_with = "model"
    )]
    device: String,
}

impl Export {
    /// Runs the command.
    ///
    /// # Errors
    /// Where there is no such model, or the folder is there already or can't be written.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        let chosen = self.source.chosen(roots)?;
        NewFolder::check(&self.folder)?;
        runtime::start(Some(1));
        let storage = self.dtype.into();
        let exported = match chosen {
            Chosen::Folder(folder) => export_folder(&folder, &self.folder, storage)?,
            Chosen::Organism(organism) => {
                let named = self.source.named(&organism);
                let model = make(&named, runtime::parse_device(&self.device)?)?;
                export_organism(&named, &model, &self.folder, storage)?
            }
        };
        sayln!(
            "{}",
            weights(
                &self.folder,
                &exported.architecture,
                exported.written,
                storage
            )
        );
        Ok(Exit::Done)
    }
}
