//! Finding out the status of a run from its folder alone: manifest, journal, claims and jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use picklock_files::Key;
use picklock_message::Result;
use picklock_record::{
    Claim, GradedTrial, Manifest, Member, Outcome, Roots, RunHypothesis, Shard, held, journal,
};
use picklock_slurm::Job;

use crate::advice::{advice, advice_on_jobs, command};
use crate::status::{Counts, Failure, Process, Status};

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
        let mut running = BTreeSet::new();
        for process in processes.iter().filter(|process| process.alive) {
            for worker in &process.claim.workers {
                let arm = (worker.hypothesis.as_str(), worker.arm.as_str());
                running.extend(worker.members.iter().map(|member| (arm, *member)));
            }
        }
        let mut status = Self::empty(processes.clone());
        for hypothesis in &manifest.hypotheses {
            status.count(&manifest, hypothesis, &outcomes, &running);
        }
        for failure in &mut status.failures {
            let mut jobs = records.iter();
            failure.log = jobs.find_map(|job| job.log_of(run, failure.seed, &manifest));
        }
        status.failures.sort();
        status.jobs = picklock_slurm::jobs(run, Some(&manifest), &status.open)?;
        status.next = advice(&status, run, &command(run, &manifest, roots));
        Ok(status)
    }

    /// A run that was submitted, and of which no task has started.
    fn before_the_first_task(run: &Path, job: &Job) -> Result<Self> {
        let mut status = Self::empty(Vec::new());
        (status.all.trials, status.all.missing) = (job.trials, job.trials);
        status.jobs = picklock_slurm::jobs(run, None, &BTreeSet::new())?;
        status.next = advice_on_jobs(&status, run).unwrap_or_default();
        Ok(status)
    }

    /// A run without trials.
    fn empty(processes: Vec<Process>) -> Self {
        let name = "in all".to_string();
        Self {
            hypotheses: Vec::new(),
            all: Counts {
                name,
                ..Counts::default()
            },
            processes,
            failures: Vec::new(),
            jobs: Vec::new(),
            next: String::new(),
            open: BTreeSet::new(),
        }
    }

    fn count(
        &mut self,
        manifest: &Manifest,
        hypothesis: &RunHypothesis,
        outcomes: &Outcomes,
        running: &BTreeSet<((&str, &str), Member)>,
    ) {
        let mut counts = Counts {
            name: hypothesis.name.clone(),
            refused: hypothesis.refused.clone(),
            ..Counts::default()
        };
        for arm in &hypothesis.arms {
            for member in manifest.members() {
                let Member { seed, draw } = member;
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
                        let arm = (hypothesis.name.as_str(), arm.name());
                        let is_running = running.contains(&(arm, member));
                        counts.running += usize::from(is_running);
                        counts.missing += usize::from(!is_running);
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

/// What the journal holds. Damaged segments are passed over: their trials are missing.
fn outcomes(journal: &Path) -> Result<Outcomes> {
    let mut outcomes = Outcomes::new();
    for path in journal::segments(journal)? {
        let segment = journal::read::<GradedTrial>(&path)?.ok();
        for trial in segment.into_iter().flat_map(|segment| segment.trials) {
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
