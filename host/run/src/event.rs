//! Events: what `picklock run --json`, and `plan --json`, print, one JSON object a line. Keys are only ever added.

use picklock_message::sayln;
use picklock_report::Found;
use serde::Serialize;

use crate::outlook::Outlook;

/// Something that happened in a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event<'a> {
    /// What will be done; the first event.
    Plan(&'a Outlook<'a>),
    /// What a prediction would find, of a plan that isn't run.
    Power(&'a Found<'a>),
    /// A cohort is in the journal.
    Cohort {
        /// Its hypothesis.
        hypothesis: &'a str,
        /// Its arm.
        arm: &'a str,
        /// Its trials.
        trials: usize,
        /// How it went.
        #[serde(flatten)]
        finished: &'a Finished,
        /// Trials that are done, of those that were left at the start.
        done: usize,
        /// Trials that were left at the start.
        of: usize,
    },
    /// The last cohort of a hypothesis is in the journal.
    Hypothesis {
        /// Its name.
        hypothesis: &'a str,
        /// Its trials that were left at the start.
        trials: usize,
        /// Of these, failed.
        failed: usize,
        /// Seconds that workers spent on them.
        seconds: f64,
        /// Trials a second, of all workers together.
        trials_per_second: Option<f64>,
    },
    /// Something that a person should know.
    Note {
        /// What.
        text: &'a str,
    },
    /// All that was to be done is done; the last event, but where `error` follows.
    End(&'a End),
    /// The run can't go on.
    Error {
        /// Why, and what to do.
        message: &'a str,
    },
}

/// How a cohort went.
#[derive(Clone, Debug, Serialize)]
pub struct Finished {
    /// Its worker.
    pub worker: usize,
    /// Trials of it that failed.
    pub failed: usize,
    /// Seconds that it took, journal included.
    pub seconds: f64,
    /// Seconds of these inside lab operations.
    pub lab_seconds: f64,
}

/// A run, or a shard of it, that has come to its end.
#[derive(Clone, Debug, Default, Serialize)]
pub struct End {
    /// Trials that were run now.
    pub trials: usize,
    /// Trials that failed, of all that the journal holds; of a shard, of those run now.
    pub failed: usize,
    /// Seconds from the first worker's start to the last one's end.
    pub seconds: f64,
    /// Seconds of all workers from being ready to being let go.
    pub worker_seconds: f64,
    /// Seconds of these inside lab operations: the rest is scheduling, journal and plugins.
    pub lab_seconds: f64,
    /// What to do next.
    pub next: String,
}

impl Finished {
    /// A cohort whose worker died with it.
    pub fn lost(worker: usize, failed: usize) -> Self {
        Self {
            worker,
            failed,
            seconds: 0.0,
            lab_seconds: 0.0,
        }
    }
}

impl Event<'_> {
    /// Prints it.
    pub fn print(&self) {
        // Numbers, strings and lists: nothing that can't be written.
        sayln!("{}", serde_json::to_string(self).unwrap_or_default());
    }
}
