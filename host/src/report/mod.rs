//! Reports: what a journal says. Everything here derives from the run's folder alone.

mod curve;
mod evidence;
mod files;
mod judgement;
mod show;
mod terminal;

use std::path::Path;

pub use evidence::Evidence;
pub use judgement::Report;
pub use show::{Show, show};

use crate::error::Result;
use crate::hypothesis::Registration;
use crate::lab::{Member, Outcome};
use crate::plugins::{Root, Roots};

/// Rebuilds a run's derived files and prints its tables, unless `quiet`; gives the reasons of failed
/// trials.
///
/// # Errors
/// Where the folder holds no readable run, or can't be written.
pub fn write(run: &Path, roots: &Roots, quiet: bool) -> Result<Vec<String>> {
    let evidence = Evidence::read(run)?;
    let report = Report::new(&evidence)?;
    files::write(run, &evidence, &report)?;
    curve::write(run, &evidence)?;
    if quiet {
        return Ok(failures(&evidence));
    }
    for name in changed(&evidence, roots) {
        println!(
            "hypotheses/{name}.toml has changed since this run began; judged by the run's copy"
        );
    }
    print!("{}", terminal::tables(&evidence, &report));
    Ok(failures(&evidence))
}

/// Pre-registrations whose files are no longer what the run was registered by.
fn changed(evidence: &Evidence, roots: &Roots) -> Vec<String> {
    let files = roots.files(Root::hypotheses, "toml");
    let now = |name: &str| {
        let file = files
            .iter()
            .find(|file| file.file_stem().is_some_and(|stem| stem == name))?;
        Registration::read(file).ok()?.hash
    };
    let differs = |copy: &&Registration| now(&copy.name).is_some_and(|now| copy.hash != Some(now));
    evidence
        .registrations
        .iter()
        .filter(differs)
        .map(|copy| copy.name.clone())
        .collect()
}

fn failures(evidence: &Evidence) -> Vec<String> {
    let of_arm = |arm| {
        evidence
            .trials(&arm)
            .map(|trial| (arm.clone(), trial))
            .collect::<Vec<_>>()
    };
    let trials = evidence.arms().into_iter().flat_map(of_arm);
    let reason = |(arm, trial): (crate::hypothesis::ArmRef, &crate::lab::TrialRecord)| {
        let Member { seed, draw } = trial.member;
        match &trial.outcome {
            Outcome::Done => None,
            Outcome::Failed { reason } => Some(format!("{arm} seed {seed} draw {draw}: {reason}")),
        }
    };
    trials.filter_map(reason).collect()
}
