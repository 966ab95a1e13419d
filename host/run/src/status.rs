//! The status of a run: what is done, running, failed and missing, from its folder alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use picklock_files::Key;
use picklock_message::Result;
use picklock_record::{
    Claim, GradedTrial, Manifest, Member, Outcome, Roots, RunHypothesis, Shard, held, journal,
};
use picklock_slurm::{Job, JobStatus};
use serde::Serialize;

use crate::advice::command;

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
    /// Slurm's jobs for it, the last one first, without what a later one does again.
    pub jobs: Vec<JobStatus>,
    /// What to do next.
    pub next: String,
    /// The seeds of which trials aren't in the journal.
    #[serde(skip)]
    open: BTreeSet<u32>,
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
    /// The log of the Slurm task that it failed in.
    pub log: Option<PathBuf>,
}

/// What the journal says of the trials that it holds: nothing, or why they failed.
type Outcomes = BTreeMap<Key, Option<String>>;

impl Status {
    /// Looks at a run's folder. Nothing is written.
    ///
    /// # Errors
    /// Where it holds no readable run.
    pub fn of(run: &Path, roots: &Roots) -> Result<Self> {
        let records = Job::all(run)?;
        let manifest = match (Manifest::read(run), records.first()) {
            (Ok(manifest), _) => manifest,
            (Err(_), Some(job)) if !run.join("manifest.json").exists() => {
                return Self::before_the_first_task(run, job);
            }
            (Err(error), _) => return Err(error),
        };
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
            all: in_all(0),
            processes: processes.clone(),
            failures: Vec::new(),
            jobs: Vec::new(),
            next: String::new(),
            open: BTreeSet::new(),
        };
        for hypothesis in &manifest.hypotheses {
            status.count(&manifest, hypothesis, &outcomes, &at_work);
        }
        for failure in &mut status.failures {
            let logs = records
                .iter()
                .filter_map(|job| job.log_of(run, failure.seed, &manifest));
            failure.log = logs.take(1).next();
        }
        status.failures.sort();
        status.jobs = picklock_slurm::jobs(run, Some(&manifest), &status.open)?;
        status.next = status.advice(run, &command(run, &manifest, roots));
        Ok(status)
    }

    /// A run that was submitted, and of which no task has started.
    fn before_the_first_task(run: &Path, job: &Job) -> Result<Self> {
        let jobs = picklock_slurm::jobs(run, None, &BTreeSet::new())?;
        let status = Self {
            hypotheses: Vec::new(),
            all: Counts {
                missing: job.trials,
                ..in_all(job.trials)
            },
            processes: Vec::new(),
            failures: Vec::new(),
            jobs,
            next: String::new(),
            open: BTreeSet::new(),
        };
        let next = status.advice_on_jobs(run).unwrap_or_default();
        Ok(Self { next, ..status })
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
                            log: None,
                        });
                    }
                    None => {
                        self.open.insert(seed);
                        match at_work.contains(&at) {
                            true => counts.running += 1,
                            false => counts.missing += 1,
                        }
                    }
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
}

/// The sum of all hypotheses, of so many trials.
fn in_all(trials: usize) -> Counts {
    Counts {
        name: "in all".to_string(),
        trials,
        ..Counts::default()
    }
}

/// What the journal holds. Damaged segments are passed over: their trials are missing.
fn outcomes(journal: &Path) -> Result<Outcomes> {
    let mut outcomes = Outcomes::new();
    for path in journal::segments(journal)? {
        let Ok(segment) = journal::read::<GradedTrial>(&path)? else {
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
