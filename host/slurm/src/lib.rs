//! Slurm: a run is cut into shards, which are handed to it as a job array, and looked after. Slurm
//! decides when and where they run; shards are `batch`'s.

mod client;
mod dispatch;
mod job;
mod open;
mod pinned;
mod profile;
mod queue;
mod script;
mod tasks;

pub use dispatch::{Submission, Submitted, absolute, check, submit};
pub use job::{Asked, Job};
pub use profile::Profile;
pub use tasks::{JobStatus, TaskState, Unreported, jobs};
