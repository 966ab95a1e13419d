//! What supervisor and worker say to each other: one JSON line a message.

use std::path::PathBuf;

use picklock_files::Key;
use picklock_lab::ArmNeeds;
use picklock_record::{LockCopies, Member, Organism};
use picklock_sdk::Arm;
use serde::{Deserialize, Serialize};

/// The protocol's version.
pub const VERSION: u32 = 5;

/// From the supervisor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToWorker {
    /// Load these plugin files and say which arms they declare. Answered with
    /// [`FromWorker::Arms`]; the worker then ends.
    Describe {
        /// The protocol's version.
        version: u32,
        /// Plugin files, and the SHA-256 that they must have.
        plugins: Vec<(PathBuf, Key)>,
    },
    /// Load these plugin files and rehearse these arms of theirs. Answered with
    /// [`FromWorker::Rehearsed`]; the worker then ends.
    Rehearse {
        /// The protocol's version.
        version: u32,
        /// What they will be run on.
        organism: Box<Organism>,
        /// Plugin files, the SHA-256 that they must have, and the arms.
        plugins: Vec<(PathBuf, Key, Vec<Arm>)>,
    },
    /// The first message of a run. Answered with [`FromWorker::Ready`].
    Start(Start),
    /// Run these trials of one arm and write their segment. Answered with
    /// [`FromWorker::Finished`].
    Cohort {
        /// The hypothesis.
        hypothesis: String,
        /// The arm.
        arm: String,
        /// The trials.
        members: Vec<Member>,
    },
    /// The block has ended: its models may go. Not answered.
    EndBlock,
}

/// What a worker is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    /// The protocol's version.
    pub version: u32,
    /// The run's folder.
    pub run: PathBuf,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// Hypotheses of the manifest, and their plugin files.
    pub plugins: Vec<(String, PathBuf)>,
    /// The copies that the run's arms ask for on the way of their locks, so far as that is known.
    pub copies: LockCopies,
}

/// From a worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromWorker {
    /// The arms of each plugin that it was asked about, or why it can't be used.
    Arms(Vec<Result<Vec<Arm>, String>>),
    /// What each plugin's arms will ask for, or why that isn't known.
    Rehearsed(Vec<Result<Vec<ArmNeeds>, String>>),
    /// It has loaded everything.
    Ready,
    /// It is at this step of something.
    Progress {
        /// Of what.
        what: String,
        /// Steps done.
        step: usize,
        /// Steps in all.
        steps: usize,
    },
    /// Something that a person should know.
    Note(String),
    /// The cohort is in the journal.
    Finished {
        /// Trials of it that failed.
        failed: usize,
        /// Seconds that it took, journal included.
        seconds: f64,
        /// Seconds of these inside lab operations.
        lab_seconds: f64,
    },
    /// A trial of the cohort in flight hangs, and with it the worker; it ends.
    Hung {
        /// How long it was waited for.
        reason: String,
    },
    /// The run can't go on; it ends.
    Broken {
        /// Why.
        reason: String,
        /// The exit code that this amounts to.
        exit_code: u8,
    },
}
