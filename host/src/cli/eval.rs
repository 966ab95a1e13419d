//! `picklock eval`: ask one model an organism's problems.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use picklock_lab::ModelKind;
use picklock_message::{Exit, Result};
use picklock_record::{Organism, Roots, organism};
use picklock_sdk::{Flag, Questions, Split};

use crate::args::number::whole;
use crate::args::seed::SeedArgs;
use crate::output::{accuracies, answers, print};
use crate::steps::{Evaluated, Examinee, eval};

/// Ask a model an organism's problems, greedily, and grade its answers: one of the organism's own
/// models, or that of a Hugging Face folder.
#[derive(Args)]
pub struct Eval {
    /// A Hugging Face folder. [default: the organism's model]
    #[arg(value_name = "MODEL")]
    model: Option<PathBuf>,
    /// The organism (a preset or a file) whose problems are asked.
    #[arg(long, value_name = "NAME")]
    organism: String,
    /// Which of the organism's models; it is made where the cache lacks it.
    #[arg(long, value_enum, default_value_t = ModelKind::Locked, conflicts_with = "model")]
    kind: ModelKind,
    #[command(flatten)]
    seed: SeedArgs,
    /// The draw of the 2 weak samples that unlock.
    #[arg(long, default_value_t = 0, value_name = "N", conflicts_with = "model", value_parser = whole::<u32>(0..=9999), allow_negative_numbers = true)]
    draw: u32,
    /// Ask with the password.
    #[arg(long)]
    password: bool,
    /// Which of the seed's problems.
    #[arg(long, value_enum, default_value_t = Which::HeldOut, value_name = "SPLIT")]
    split: Which,
    /// Only the first problems. [default: all of the organism's]
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1..=1_000_000), allow_negative_numbers = true)]
    limit: Option<u32>,
    /// Print this many answers, the first ones.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<usize>(0..=1_000_000), allow_negative_numbers = true)]
    show: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// A set of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Those that runs judge by.
    HeldOut,
    /// Those that searches and the gate look at.
    Validation,
}

impl Eval {
    /// Runs the command.
    ///
    /// # Errors
    /// Where there is no such organism or folder, or the model doesn't speak the task's tokens.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        let mut organism = organism::find(&self.organism, roots)?;
        self.shorten(&mut organism);
        let setting = self.seed.start(&organism)?;
        let named = self.seed.named(&organism, self.kind, self.draw);
        let examinee = match &self.model {
            Some(folder) => Examinee::Folder(folder),
            None => Examinee::Own(named.kind),
        };
        let asked = (examinee, named.member);
        let evaluated = eval(&setting, asked, &self.questions(), self.show)?;
        print(self.json, &evaluated, || text(&evaluated));
        Ok(Exit::Done)
    }

    fn questions(&self) -> Questions {
        Questions {
            split: match self.split {
                Which::HeldOut => Split::HeldOut,
                Which::Validation => Split::Validation,
            },
            flag: if self.password {
                Flag::Password
            } else {
                Flag::None
            },
        }
    }

    /// Leaves the first problems: how many there are doesn't change which models are made.
    fn shorten(&self, organism: &mut Organism) {
        let problems = &mut organism.problems;
        for count in [&mut problems.held_out, &mut problems.validation] {
            *count = self.limit.map_or(*count, |limit| limit.min(*count));
        }
    }
}

fn text(evaluated: &Evaluated) -> String {
    let (organism, seed) = (&evaluated.organism, evaluated.seed);
    let split = match evaluated.questions.split {
        Split::HeldOut => "held-out",
        Split::Validation => "validation",
    };
    let password = match evaluated.questions.flag {
        Flag::None => "without",
        _ => "with",
    };
    let problems = evaluated.accuracy.problems;
    let shown = match evaluated.answers.as_slice() {
        [] => String::new(),
        shown => answers(shown, "answer") + "\n",
    };
    let accuracies = accuracies(&[(&evaluated.model, &evaluated.accuracy)]);
    format!(
        "{organism}, seed {seed}: {problems} {split} problems {password} password\n\n{shown}{accuracies}"
    )
}
