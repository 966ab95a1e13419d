//! Batches: a plan of trials, handed out to worker processes cohort by cohort, until the journal
//! holds them all.

mod adopt;
mod advice;
mod describe;
mod enlist;
mod estimate;
mod event;
mod handle;
mod log;
mod outlook;
pub mod plugin;
mod prepare;
mod process;
mod progress;
mod protocol;
mod rehearsal;
mod run;
mod settle;
mod status;
mod supervisor;
mod surroundings;
mod tally;
mod trials;
mod width;
mod worker;

pub use describe::describe;
pub use event::Event;
pub use outlook::outlook;
pub use prepare::{Place, Planned, Prepared, Request};
pub use run::run;
pub use status::{Counts, Failure, Process, Status};
pub use surroundings::environment;
pub use worker::main as worker_main;
