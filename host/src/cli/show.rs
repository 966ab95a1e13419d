//! `picklock show`: read what models answered.

use std::path::PathBuf;

use clap::Args;
use picklock_grade::Grade;
use picklock_message::{Exit, Result, say, tell};
use picklock_record::{ArmRef, Member, core_arms};

use crate::args::number::whole;

/// Show prompts with expected and given answers, two arms side by side.
#[derive(Args)]
pub struct Show {
    /// The run's folder.
    run: PathBuf,
    /// An arm, as in core/unlock; may be repeated. [default: core/locked beside core/unlock]
    #[arg(long = "arm", value_name = "ARM")]
    arms: Vec<String>,
    /// The measure, as in step-50.
    #[arg(long, value_name = "NAME")]
    measure: Option<String>,
    /// The seed.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u32>(0..=9999), allow_negative_numbers = true)]
    seed: u32,
    /// The draw.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u32>(0..=9999), allow_negative_numbers = true)]
    draw: u32,
    /// Only problems that the last arm got wrong.
    #[arg(long, conflicts_with = "unparsed")]
    wrong: bool,
    /// Only problems where the last arm's answer could not be read.
    #[arg(long)]
    unparsed: bool,
    /// How many at most.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = whole::<usize>(0..=1_000_000), allow_negative_numbers = true)]
    limit: usize,
}

impl Show {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the folder holds no such trial.
    pub fn main(&self) -> Result<Exit> {
        let (unlock, locked) = core_arms();
        let absolute = |arm: &String| ArmRef::from(arm.clone()).absolute("core");
        let mut arms: Vec<ArmRef> = self.arms.iter().map(absolute).collect();
        match arms.as_slice() {
            [] => arms = vec![locked, unlock],
            [only] if *only != locked => arms.insert(0, locked),
            _ => {}
        }
        let only = match (self.wrong, self.unparsed) {
            (true, _) => Some(Grade::Wrong),
            (_, true) => Some(Grade::Unparsed),
            _ => None,
        };
        let what = picklock_report::Show {
            arms,
            measure: self.measure.clone(),
            member: Member {
                seed: self.seed,
                draw: self.draw,
            },
            only,
            limit: self.limit,
        };
        let (text, notes) = picklock_report::show(&self.run, &what)?;
        for note in notes {
            tell!("{note}");
        }
        say!("{text}");
        Ok(Exit::Done)
    }
}
