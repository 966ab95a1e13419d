//! The status of a run: what is done, running, failed and missing, from its folder alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::claim::Claim;
use super::folder::held;
use super::shard::Shard;
use crate::error::{Error, Result};
use crate::journal::{self, Brief, Manifest, RunHypothesis};
use crate::lab::{Member, Outcome};
use crate::organism::{self, Key};
use crate::plugins::Roots;
use crate::slurm::{self, Job, JobStatus, TaskState};

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
        status.jobs = slurm::jobs(run, Some(&manifest), &status.open)?;
        status.next = status.advice(run, &command(run, &manifest, roots));
        Ok(status)
    }

    /// A run that was submitted, and of which no task has started.
    fn before_the_first_task(run: &Path, job: &Job) -> Result<Self> {
        let jobs = slurm::jobs(run, None, &BTreeSet::new())?;
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

    /// What to do next, with the command that does it.
    fn advice(&self, run: &Path, command: &str) -> String {
        if let Some(advice) = self.advice_on_jobs(run) {
            return advice;
        }
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

    /// The same for a run that Slurm has.
    fn advice_on_jobs(&self, run: &Path) -> Option<String> {
        let job = self.jobs.first()?;
        let tasks = self.jobs.iter().flat_map(|job| &job.tasks);
        let live =
            tasks.filter(|task| matches!(task.state, TaskState::Running | TaskState::Queued));
        let live = live.count();
        let report = match job.report.filter(|_| job.reports == Some(true)) {
            Some(report) => format!("job {report} reports at their end"),
            None => format!("then `picklock report {}`", run.display()),
        };
        let submit = format!("`picklock submit --slurm {}", run.display());
        let at_work = self.processes.iter().any(|process| process.alive);
        if job.unknown.is_some() {
            let run = run.display();
            let advice = format!("on a login node, `picklock status {run}` says how its tasks are");
            return (!at_work && self.all.missing > 0).then_some(advice);
        }
        match (live, job.reports, self.all.missing) {
            (1.., ..) => Some(format!(
                "wait for the {live} tasks that wait or run; {report}"
            )),
            (0, Some(true), 0) => Some("wait for the job that reports".to_string()),
            _ if at_work => None,
            (0, _, 1..) => Some(format!("{submit}` sends what is missing again")),
            (0, _, 0) if self.all.failed > 0 => Some(format!(
                "{submit} --retry-failed` runs the failed trials again"
            )),
            _ => None,
        }
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
