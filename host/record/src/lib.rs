//! What a run is, and what it wrote down: organism files, pre-registrations, plans, the plugins that
//! are trusted, and the journal. Files are read; no code of a plugin runs.

mod capabilities;
pub mod claim;
pub mod folder;
pub mod hypothesis;
pub mod journal;
pub mod organism;
pub mod plan;
pub mod plugins;
pub mod retry;
mod shard;
mod trial;

pub use capabilities::Capabilities;
pub use claim::{BusyWorker, Claim, ClaimWriter, host, now};
pub use folder::{RunFolder, claimed_whole, held, obstacle};
pub use hypothesis::{ArmRef, Prediction, Registration, core_arms};
pub use journal::{
    Environment, Geometry, LeftOut, Manifest, RunHypothesis, RunPlugin, Segment, Trial,
};
pub use organism::{
    Checkpoint, Decoys, Gate, Kind, Labels, Lock, LockCopies, MODELS, ModelNames, Organism,
    Sampling, Scratch, Source, Streams, check_soft_labels, precision,
};
pub use plan::{Block, CohortPlan, Plan, needed_arms};
pub use plugins::{Entry, PluginFile, Root, Roots, TrustList, check_permissions, unchanged};
pub use retry::{set_aside, set_failed_aside};
pub use shard::Shard;
pub use trial::{
    Answers, Change, GateRecord, GradedMeasure, GradedTrial, LockRecord, Measure, Member, Metric,
    Outcome, TrialRecord,
};
