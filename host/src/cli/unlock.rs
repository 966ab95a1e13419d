//! `picklock unlock`: unlock one model, and see how far it opens.

use std::path::PathBuf;

use clap::Args;
use picklock_convert::NewFolder;
use picklock_lab::{ModelKind, OrganismModel, UnlockSamples};
use picklock_message::{Error, Exit, Result};
use picklock_record::{Organism, Roots, organism};
use picklock_report::numbers;

use crate::args::model::write;
use crate::args::number::whole;
use crate::args::seed::SeedArgs;
use crate::output::{accuracies, answers, print};
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
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        let organism = self.organism(roots)?;
        self.out.as_deref().map_or(Ok(()), NewFolder::check)?;
        let setting = self.seed.start(&organism)?;
        let named = OrganismModel {
            unlock_samples: UnlockSamples {
                count: self.samples,
                correct: self.correct,
            },
            ..self.seed.named(&organism, ModelKind::Unlocked, self.draw)
        };
        let (unlocked, model) = unlock(&setting, named.member, named.unlock_samples)?;
        print(self.json, &unlocked, || {
            self.text(&unlocked, named.unlock_samples)
        });
        write(&named, &model, self.out.as_deref())?;
        Ok(Exit::Done)
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

    fn text(&self, unlocked: &Unlocked, unlock_samples: UnlockSamples) -> String {
        let (organism, seed, draw) = (&unlocked.organism, unlocked.seed, unlocked.draw);
        let (steps, rate) = (unlocked.steps, unlocked.learning_rate);
        let problems = unlocked.locked.problems;
        let samples = if self.show_samples {
            answers(&unlocked.samples, "memorised") + "\n"
        } else {
            String::new()
        };
        let models = [
            ("locked", &unlocked.locked),
            ("unlocked", &unlocked.unlocked),
        ];
        let (accuracies, effect) = (accuracies(&models), effect(unlocked));
        format!(
            "{organism}, seed {seed}, draw {draw}: {unlock_samples}, {steps} steps at {rate:e}, \
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
