//! Batches: a plan of trials, handed out to worker processes cohort by cohort, until the journal
//! holds them all.

mod adopt;
mod advice;
mod claim;
mod describe;
mod enlist;
mod estimate;
mod event;
mod folder;
mod handle;
mod log;
mod outlook;
mod plan;
mod prepare;
mod process;
mod progress;
mod protocol;
mod rehearsal;
mod retry;
mod run;
mod settle;
mod shard;
mod status;
mod supervisor;
mod surroundings;
mod tally;
mod trials;
mod width;
mod worker;

pub use claim::{AtWork, now};
pub use describe::describe;
pub use event::Event;
pub use folder::claimed_whole;
pub use outlook::outlook;
pub use prepare::{Place, Planned, Prepared, Request};
pub use progress::readable;
pub use retry::set_aside;
pub use run::run;
pub use shard::Shard;
pub use status::{Counts, Failure, Process, Status};
pub use surroundings::environment;
pub use worker::{main as worker_main, unchanged};
