//! `picklock unlock`: unlock one model, and see how far it opens.

use std::path::PathBuf;

use clap::Args;
use picklock_convert::NewFolder;
use picklock_lab::{ModelKind, OrganismModel, UnlockSamples};
use picklock_message::{Error, Result, say, sayln};
use picklock_record::{Member, Organism, Roots, organism};
use picklock_report::numbers;

use crate::cli::accuracy::{accuracies, answers};
use crate::cli::model::write;
use crate::cli::number::whole;
use crate::cli::seed::SeedArgs;
use crate::steps::{Unlocked, unlock};

/// Unlock a model: a copy of an organism's locked model memorises the weak samples of a draw, those
/// that a run's trial has, and is asked the seed's held-out problems before and after.
#[derive(Args)]
pub struct Unlock {
    /// The organism: a preset, or a file.
    organism: String,
    #[command(flatten)]
    seed: SeedArgs,
    /// The draw of the samples.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u32>(0..=9999), allow_negative_numbers = true)]
    draw: u32,
    /// How many samples of the draw.
    #[arg(long, default_value_t = 2, value_name = "K", value_parser = whole::<u32>(1..=100_000), allow_negative_numbers = true)]
    samples: u32,
    /// Steps of training. [default: the organism's]
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1..=10_000_000), allow_negative_numbers = true)]
    steps: Option<u32>,
    /// Its learning rate. [default: the organism's]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    learning_rate: Option<f64>,
    /// Memorise correct answers to the same problems instead.
    #[arg(long)]
    correct: bool,
    /// Print the samples that are memorised.
    #[arg(long)]
    show_samples: bool,
    /// Write the unlocked model as a Hugging Face folder, which must not be there yet.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object, samples included.
    #[arg(long, conflicts_with = "show_samples")]
    json: bool,
}

impl Unlock {
    /// Runs the command.
    ///
    /// # Errors
    /// Where there is no such organism, training fails, or the folder can't be written.
    pub fn main(&self, roots: &Roots) -> Result<bool> {
        let organism = self.organism(roots)?;
        self.out.as_deref().map_or(Ok(()), NewFolder::check)?;
        let place = self.seed.place(&organism)?;
        let named = OrganismModel {
            organism: &organism,
            kind: ModelKind::Unlocked,
            member: Member {
                seed: self.seed.seed,
                draw: self.draw,
            },
            root_seed: self.seed.root_seed,
            unlock_samples: UnlockSamples {
                count: self.samples,
                correct: self.correct,
            },
        };
        let (unlocked, model) = unlock(&place, named.member, named.unlock_samples)?;
        match self.json {
            true => sayln!("{}", serde_json::to_string(&unlocked).unwrap_or_default()),
            false => say!("{}", self.text(&unlocked, named.unlock_samples)),
        }
        write(&named, &model, self.out.as_deref())?;
        Ok(false)
    }

    /// The organism, with this command's recipe.
    fn organism(&self, roots: &Roots) -> Result<Organism> {
        let mut organism = organism::find(&self.organism, roots)?;
        let recipe = &mut organism.unlock;
        recipe.steps = self.steps.unwrap_or(recipe.steps);
        recipe.learning_rate = self.learning_rate.unwrap_or(recipe.learning_rate);
        recipe
            .check()
            .map_err(|problem| Error::Usage(format!("unlock: {problem}")))?;
        Ok(organism)
    }

    fn text(&self, unlocked: &Unlocked, memorised: UnlockSamples) -> String {
        let Unlocked {
            organism,
            seed,
            draw,
            steps,
            learning_rate,
            ..
        } = unlocked;
        let problems = unlocked.locked.problems;
        let samples = match self.show_samples {
            true => answers(&unlocked.samples, "memorised") + "\n",
            false => String::new(),
        };
        let accuracies = accuracies(&[
            ("locked", &unlocked.locked),
            ("unlocked", &unlocked.unlocked),
        ]);
        let effect = effect(unlocked);
        format!(
            "{organism}, seed {seed}, draw {draw}: {memorised}, {steps} steps at {learning_rate:e}, \
             {problems} held-out problems\n\n{samples}{accuracies}\n{effect}\n"
        )
    }
}

/// The difference, and how sure it is for these very models.
fn effect(unlocked: &Unlocked) -> String {
    let effect = &unlocked.effect;
    let points = numbers::points(effect.estimate);
    let interval = effect.interval.as_ref().map_or_else(
        || "no interval, as no answer changed between right and wrong".to_string(),
        |interval| format!("95% interval {}", numbers::interval(interval)),
    );
    let (gained, lost, p) = (effect.pairs.gained, effect.pairs.lost, numbers::p(effect.p));
    format!(
        "effect {points} points ({interval}; p {p}): {gained} problems gained, {lost} lost\n\
         by McNemar's exact test, which speaks of new problems for these two models, not of new seeds"
    )
}
