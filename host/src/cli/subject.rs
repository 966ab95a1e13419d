//! The model of a single step on the command line: a folder, or one that an organism makes.

use std::cell::RefCell;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use picklock_lm::{Device, Kind, runtime};
use picklock_sdk::LockSpec;

use super::ask::AskArgs;
use super::number::whole;
use crate::batch::environment;
use crate::error::{Error, Result};
use crate::organism::{self, Cache, Maker, Organism, Streams};
use crate::plugins::Roots;
use crate::steps::{Opened, Subject};

/// Names a model, and where it runs.
#[derive(Args)]
pub struct SubjectArgs {
    /// A Hugging Face folder.
    #[arg(
        value_name = "MODEL",
        required_unless_present = "organism",
        conflicts_with = "organism"
    )]
    folder: Option<PathBuf>,
    /// A model of this organism (a preset or a file) instead; it is made where the cache lacks it.
    /// Prompts are given whole, as the task writes them.
    #[arg(long, value_name = "NAME")]
    organism: Option<String>,
    /// Which of the organism's models.
    #[arg(long, value_enum, default_value_t = Which::Locked, requires = "organism")]
    kind: Which,
    /// The organism's seed.
    #[arg(long, default_value_t = 0, value_name = "N", requires = "organism", value_parser = whole::<u32>(0..=9999), allow_negative_numbers = true)]
    seed: u32,
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

/// The models of an organism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// The capable one.
    Base,
    /// The one that is imitated.
    Weak,
    /// The base model with the plain lock.
    Locked,
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
    pub fn open(&self, ask: &AskArgs, roots: &Roots) -> Result<(Subject, Opened)> {
        runtime::start(Some(self.threads));
        let device = runtime::parse_device(&self.device)?;
        match (&self.organism, &self.folder) {
            (Some(name), _) => self.make(&organism::find(name, roots)?, device),
            (None, Some(folder)) => Subject::open(folder, ask.spec(), device, self.dtype.kind()),
            (None, None) => Err(Error::Usage("no MODEL and no --organism".into())),
        }
    }

    fn make(&self, organism: &Organism, device: Device) -> Result<(Subject, Opened)> {
        let last = RefCell::new(String::new());
        let notify = |what: &str, _: usize, _: usize| {
            if *last.borrow() != what {
                tell!("{what}");
                *last.borrow_mut() = what.to_string();
            }
        };
        let task = organism.open_task()?;
        let maker = Maker {
            organism,
            task: &*task,
            streams: Streams { root: 0 },
            device,
            environment: &environment(device).numeric(),
            cache: &Cache::of_user()?,
            width: 1,
            notify: &notify,
            warn: &|text| tell!("{text}"),
        };
        let seeds = [self.seed];
        let mut models = match self.kind {
            Which::Base => maker.base(&seeds),
            Which::Weak => maker.weak(&seeds),
            Which::Locked => maker.locked(&seeds, &LockSpec::plain()),
        }?;
        let missing = || Error::Worker("the organism gave no model".into());
        let model = models.pop().ok_or_else(missing)?;
        Ok((Subject::of(task, model)?, Opened::default()))
    }
}

impl Dtype {
    fn kind(self) -> Kind {
        match self {
            Self::Float32 => Kind::Float,
            Self::Bfloat16 => Kind::BFloat16,
        }
    }
}
