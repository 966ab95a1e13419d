//! The status of a run: what is done, running, failed and missing, from its folder alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::claim::Claim;
use super::folder::held;
use super::shard::Shard;
use crate::error::{Error, Result};
use crate::journal::{self, Brief, Manifest, RunHypothesis};
use crate::lab::{Member, Outcome};
use crate::organism::{self, Key};
use crate::plugins::Roots;

/// How a run is.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Each hypothesis.
    pub hypotheses: Vec<Counts>,
    /// All of them together.
    pub all: Counts,
    /// Processes that run it, or did until they were killed.
    pub processes: Vec<Process>,
    /// Trials that failed, by hypothesis, arm, seed and draw.
    pub failures: Vec<Failure>,
    /// What to do next.
    pub next: String,
}

/// Numbers of trials; each is in one of `done`, `failed`, `running` and `missing`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// The hypothesis.
    pub name: String,
    /// In all.
    pub trials: usize,
    /// In the journal, and went well.
    pub done: usize,
    /// A live process is at them.
    pub running: usize,
    /// In the journal, and failed.
    pub failed: usize,
    /// Neither in the journal nor running.
    pub missing: usize,
    /// Why its plugin was refused the last time, where it was.
    pub refused: Option<String>,
}

/// A process that runs a run, or a shard of it.
#[derive(Clone, Debug, Serialize)]
pub struct Process {
    /// Whether it lives; else it was killed, and what it was at is missing.
    pub alive: bool,
    /// What it says of itself.
    #[serde(flatten)]
    pub claim: Claim,
}

/// A trial that failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Failure {
    /// Its hypothesis.
    pub hypothesis: String,
    /// Its arm.
    pub arm: String,
    /// Its seed.
    pub seed: u32,
    /// Its draw.
    pub draw: u32,
    /// Why.
    pub reason: String,
}

/// What the journal says of the trials that it holds: nothing, or why they failed.
type Outcomes = BTreeMap<Key, Option<String>>;

impl Status {
    /// Looks at a run's folder. Nothing is written.
    ///
    /// # Errors
    /// Where it holds no readable run.
    pub fn of(run: &Path, roots: &Roots) -> Result<Self> {
        let manifest = Manifest::read(run)?;
        let outcomes = outcomes(&run.join("journal"))?;
        let processes = processes(run)?;
        let mut at_work = BTreeSet::new();
        for process in processes.iter().filter(|process| process.alive) {
            for worker in &process.claim.workers {
                let (hypothesis, arm) = (worker.hypothesis.as_str(), worker.arm.as_str());
                at_work.extend(
                    worker
                        .members
                        .iter()
                        .map(|member| (hypothesis, arm, *member)),
                );
            }
        }
        let mut status = Self {
            hypotheses: Vec::new(),
            all: Counts {
                name: "in all".to_string(),
                ..Counts::default()
            },
            processes: processes.clone(),
            failures: Vec::new(),
            next: String::new(),
        };
        for hypothesis in &manifest.hypotheses {
            status.count(&manifest, hypothesis, &outcomes, &at_work);
        }
        status.failures.sort();
        status.next = status.advice(run, &command(run, &manifest, roots));
        Ok(status)
    }

    /// Whether every trial is in the journal and went well.
    pub fn complete(&self) -> bool {
        let refused = self
            .hypotheses
            .iter()
            .any(|counts| counts.refused.is_some());
        self.all.done == self.all.trials && !refused
    }

    fn count(
        &mut self,
        manifest: &Manifest,
        hypothesis: &RunHypothesis,
        outcomes: &Outcomes,
        at_work: &BTreeSet<(&str, &str, Member)>,
    ) {
        let mut counts = Counts {
            name: hypothesis.name.clone(),
            refused: hypothesis.refused.clone(),
            ..Counts::default()
        };
        for arm in &hypothesis.arms {
            for member in manifest.members() {
                let Member { seed, draw } = member;
                let at = (hypothesis.name.as_str(), arm.name(), member);
                counts.trials += 1;
                match outcomes.get(&manifest.trial_id(hypothesis, arm, member)) {
                    Some(None) => counts.done += 1,
                    Some(Some(reason)) => {
                        counts.failed += 1;
                        self.failures.push(Failure {
                            hypothesis: hypothesis.name.clone(),
                            arm: arm.name().to_string(),
                            seed,
                            draw,
                            reason: reason.clone(),
                        });
                    }
                    None if at_work.contains(&at) => counts.running += 1,
                    None => counts.missing += 1,
                }
            }
        }
        let all = &mut self.all;
        all.trials += counts.trials;
        all.done += counts.done;
        all.running += counts.running;
        all.failed += counts.failed;
        all.missing += counts.missing;
        self.hypotheses.push(counts);
    }

    /// What to do next, with the command that does it.
    fn advice(&self, run: &Path, command: &str) -> String {
        let live: Vec<&Process> = self.processes.iter().filter(|p| p.alive).collect();
        let shards = live.iter().any(|process| process.claim.shard.is_some());
        let Counts {
            failed, missing, ..
        } = self.all;
        if !live.is_empty() {
            return match shards {
                true if missing > 0 => format!(
                    "wait for the {} running; then `{command}` runs what no shard has, and reports",
                    live.len()
                ),
                true => format!(
                    "wait for the {} running; then `{command}` reports",
                    live.len()
                ),
                false => "wait for it; it reports at its end".to_string(),
            };
        }
        let refused = self
            .hypotheses
            .iter()
            .find_map(|counts| counts.refused.as_ref());
        match (missing, failed, refused) {
            (0, 0, None) => format!("nothing; `picklock report {}` shows it", run.display()),
            (0, 0, Some(reason)) => format!("mend what was refused ({reason}), then `{command}`"),
            (0, ..) => format!("`{command} --retry-failed` runs the failed trials again"),
            _ => format!("`{command}` goes on where it stopped"),
        }
    }
}

/// The command that goes on with a run, as far as the manifest knows it: not where the file of an
/// organism lies that is no preset.
fn command(run: &Path, manifest: &Manifest, roots: &Roots) -> String {
    let name = &manifest.organism.name;
    let organism = match organism::find(name, roots) {
        Err(Error::Unknown { .. }) => format!("FOLDER/{name}.toml"),
        _ => name.clone(),
    };
    let judged = manifest.hypotheses.iter().filter(|h| h.judged);
    let names: Vec<&str> = judged.map(|h| h.name.as_str()).collect();
    let root = match manifest.root_seed {
        0 => String::new(),
        root => format!(" --root-seed {root}"),
    };
    let device = match manifest.environment.driver {
        Some(_) => " --devices cuda",
        None => "",
    };
    format!(
        "picklock run {} --organism {organism} --seeds {} --draws {}{root}{device} --out {}",
        names.join(" "),
        manifest.seeds,
        manifest.draws,
        run.display()
    )
}

/// What the journal holds. Damaged segments are passed over: their trials are missing.
fn outcomes(journal: &Path) -> Result<Outcomes> {
    let mut outcomes = Outcomes::new();
    for path in journal::segments(journal)? {
        let Ok(segment) = journal::read::<Brief>(&path)? else {
            continue;
        };
        for trial in segment.trials {
            let reason = match trial.record.outcome {
                Outcome::Done => None,
                Outcome::Failed { reason } => Some(reason),
            };
            // As in reports, the first counts.
            outcomes.entry(trial.id).or_insert(reason);
        }
    }
    Ok(outcomes)
}

fn processes(run: &Path) -> Result<Vec<Process>> {
    let process = |claim: Claim| {
        let shard: Option<Shard> = claim.shard.as_ref().and_then(|shard| shard.parse().ok());
        let alive = held(run, shard)?;
        Ok(Process { alive, claim })
    };
    Claim::all(run)?.into_iter().map(process).collect()
}
