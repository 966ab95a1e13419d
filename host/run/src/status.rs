//! The status of a run: what is done, running, failed and missing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use picklock_record::Claim;
use picklock_slurm::JobStatus;
use serde::Serialize;

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
    pub(crate) open: BTreeSet<u32>,
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
    /// A live process runs them.
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
    /// Whether it lives; else it was killed, and the trials that it ran are missing.
    pub alive: bool,
    /// What it wrote about itself.
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

impl Status {
    /// Whether every trial is in the journal and went well.
    pub fn complete(&self) -> bool {
        let mut hypotheses = self.hypotheses.iter();
        self.all.done == self.all.trials && hypotheses.all(|counts| counts.refused.is_none())
    }
}
