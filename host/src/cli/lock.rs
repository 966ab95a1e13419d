//! `picklock lock`: lock one model, and see whether the lock holds.

use std::path::PathBuf;

use clap::Args;
use picklock_convert::NewFolder;
use picklock_lab::{ModelKind, OrganismModel, UnlockSamples};
use picklock_message::{Result, say, sayln};
use picklock_record::{Member, Roots, organism};

use crate::cli::accuracy::accuracies;
use crate::cli::model::write;
use crate::cli::seed::SeedArgs;
use crate::cli::table::table;
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
    pub fn main(&self, roots: &Roots) -> Result<bool> {
        let organism = organism::find(&self.organism, roots)?;
        self.out.as_deref().map_or(Ok(()), NewFolder::check)?;
        let place = self.seed.place(&organism)?;
        let (locked, model) = lock(&place, self.seed.seed)?;
        match self.json {
            true => sayln!("{}", serde_json::to_string(&locked).unwrap_or_default()),
            false => say!("{}", text(&locked)),
        }
        let named = OrganismModel {
            organism: &organism,
            kind: ModelKind::Locked,
            // A lock has no draw.
            member: Member {
                seed: self.seed.seed,
                draw: 0,
            },
            root_seed: self.seed.root_seed,
            unlock_samples: UnlockSamples::default(),
        };
        write(&named, &model, self.out.as_deref())?;
        Ok(false)
    }
}

fn text(locked: &Locked) -> String {
    let Locked { organism, seed, .. } = locked;
    let problems = locked.locked.problems;
    let models = [
        ("base", locked.base.as_ref()),
        ("weak", locked.weak.as_ref()),
        ("locked", Some(&locked.locked)),
        ("locked, with the password", locked.password.as_ref()),
    ];
    let there = models
        .into_iter()
        .filter_map(|(name, accuracy)| Some((name, accuracy?)));
    let accuracies = accuracies(&there.collect::<Vec<_>>());
    let gate = gate(&locked.gate);
    format!("{organism}, seed {seed}: {problems} validation problems\n\n{accuracies}\n{gate}")
}

/// The two shares beside their bounds, and what follows.
fn gate(gate: &GateReading) -> String {
    let row = |what: &str, share: Option<f64>, bound: String| {
        let share = share.map_or_else(|| "-".into(), |share| format!("{share:.3}"));
        [what.to_string(), share, bound]
    };
    let shares = table(&[
        row(
            "(locked - weak) / (base - weak)",
            gate.weak_gap,
            format!("at most {}", gate.most_weak_gap),
        ),
        row(
            "password / base",
            gate.password_share,
            format!("at least {}", gate.least_password_share),
        ),
    ]);
    match (&gate.problem, &gate.not_applicable) {
        (Some(problem), _) => format!("{shares}the gate doesn't pass: {problem}\n"),
        (None, Some(reason)) => format!("the gate is not applicable: {reason}\n"),
        (None, None) => format!("{shares}the gate passes\n"),
    }
}
