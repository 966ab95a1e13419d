//! The model of a single step: a folder, or one that an organism makes.

use clap::{Args, ValueEnum};
use picklock_lm::{Kind, runtime};
use picklock_message::Result;
use picklock_record::Roots;

use crate::args::model::{Chosen, ModelArgs, make};
use crate::args::number::whole;
use crate::args::prompt::PromptArgs;
use crate::steps::{Opened, Subject};

/// Names a model, and where it runs.
#[derive(Args)]
pub struct SubjectArgs {
    /// Prompts of an organism's model are given whole, as the task writes them.
    #[command(flatten)]
    model: ModelArgs,
    /// Where it runs: cpu or cuda:N.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: String,
    /// What a folder's weights are computed in.
    #[arg(long, value_enum, default_value_t = Dtype::Float32, conflicts_with = "organism")]
    dtype: Dtype,
    /// libtorch's threads on a CPU.
    #[arg(long, default_value_t = 1, value_name = "N", conflicts_with = "organism", value_parser = whole::<usize>(1..=1024), allow_negative_numbers = true)]
    threads: usize,
}

/// A type of numbers, under torch's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Dtype {
    /// 32 bits.
    Float32,
    /// 16 bits, 8 of them exponent.
    Bfloat16,
}

impl SubjectArgs {
    /// Opens the model; says on stderr what takes long.
    ///
    /// # Errors
    /// Where there is no such model, or it can't be read or made.
    pub fn open(&self, prompt: &PromptArgs, roots: &Roots) -> Result<(Subject, Opened)> {
        runtime::start(Some(self.threads));
        let device = runtime::parse_device(&self.device)?;
        match self.model.chosen(roots)? {
            Chosen::Folder(folder) => {
                let kind = match self.dtype {
                    Dtype::Float32 => Kind::Float,
                    Dtype::Bfloat16 => Kind::BFloat16,
                };
                Subject::open(&folder, prompt.spec(), device, kind)
            }
            Chosen::Organism(organism) => {
                let model = make(&self.model.named(&organism), device)?;
                let subject = Subject::of(organism.open_task()?, model)?;
                Ok((subject, Opened::default()))
            }
        }
    }
}
