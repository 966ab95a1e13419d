//! `picklock lock`: lock one model, and see whether the lock holds.

use std::path::PathBuf;

use clap::Args;
use picklock_convert::NewFolder;
use picklock_lab::ModelKind;
use picklock_message::{Exit, Result};
use picklock_record::{Roots, organism};

use crate::args::model::write;
use crate::args::seed::SeedArgs;
use crate::output::{accuracies, print, table};
use crate::steps::{GateReading, Locked, lock};

/// Lock a model: make an organism's base, weak and locked model, or take them from the cache, and say
/// how they do on the seed's validation problems and whether the gate passes.
#[derive(Args)]
pub struct Lock {
    /// The organism: a preset, or a file.
    organism: String,
    #[command(flatten)]
    seed: SeedArgs,
    /// Write the locked model as a Hugging Face folder, which must not be there yet.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Lock {
    /// Runs the command.
    ///
    /// # Errors
    /// Where there is no such organism, training fails, or the folder can't be written.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        let organism = organism::find(&self.organism, roots)?;
        self.out.as_deref().map_or(Ok(()), NewFolder::check)?;
        let setting = self.seed.start(&organism)?;
        // A lock has no draw.
        let named = self.seed.named(&organism, ModelKind::Locked, 0);
        let (locked, model) = lock(&setting, named.member)?;
        print(self.json, &locked, || text(&locked));
        write(&named, &model, self.out.as_deref())?;
        Ok(Exit::Done)
    }
}

fn text(locked: &Locked) -> String {
    let (organism, seed, problems) = (&locked.organism, locked.seed, locked.locked.problems);
    let models = [
        ("base", locked.base.as_ref()),
        ("weak", locked.weak.as_ref()),
        ("locked", Some(&locked.locked)),
        ("locked, with the password", locked.password.as_ref()),
    ];
    let models: Vec<_> = models
        .into_iter()
        .filter_map(|(name, accuracy)| Some((name, accuracy?)))
        .collect();
    let (accuracies, gate) = (accuracies(&models), gate(&locked.gate));
    format!("{organism}, seed {seed}: {problems} validation problems\n\n{accuracies}\n{gate}")
}

/// The two shares beside their bounds, and what follows.
fn gate(gate: &GateReading) -> String {
    let share =
        |share: Option<f64>| share.map_or_else(|| "-".into(), |share| format!("{share:.3}"));
    let most = format!("at most {}", gate.most_weak_gap);
    let least = format!("at least {}", gate.least_password_share);
    let weak = [
        "(locked - weak) / (base - weak)",
        &share(gate.weak_gap),
        &most,
    ];
    let password = ["password / base".into(), share(gate.password_share), least];
    let shares = table(weak, [password]);
    match (&gate.problem, &gate.not_applicable) {
        (Some(problem), _) => format!("{shares}the gate doesn't pass: {problem}\n"),
        (None, Some(reason)) => format!("the gate is not applicable: {reason}\n"),
        (None, None) => format!("{shares}the gate passes\n"),
    }
}
