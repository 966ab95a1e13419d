//! Slurm: a run is cut into shards, which are submitted as a job array and watched. Slurm decides when
//! and where they run.

mod client;
mod dispatch;
mod job;
mod open;
mod pinned;
mod profile;
mod queue;
mod script;
mod submission;
mod tasks;

pub use dispatch::{Submitted, absolute, check, submit};
pub use job::{Job, RunArguments};
pub use profile::Profile;
pub use submission::Submission;
pub use tasks::{JobStatus, TaskState, Unreported, jobs};
