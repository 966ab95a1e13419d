//! Runs: a plan of trials, handed out to worker processes cohort by cohort, until the journal holds
//! them all.

mod admission;
mod advice;
mod describe;
mod estimate;
mod event;
mod handle;
mod joining;
mod log;
mod out;
mod outlook;
mod plan;
mod planning;
pub mod plugin;
mod prepare;
mod process;
mod progress;
mod protocol;
mod rehearsal;
mod request;
mod resume;
mod run;
mod status;
mod supervisor;
mod surroundings;
mod survey;
mod tally;
mod trials;
mod width;
mod worker;

pub use describe::describe;
pub use event::Event;
pub use plan::plan;
pub use planning::PlannedRun;
pub use prepare::PreparedRun;
pub use request::{Request, Site};
pub use run::run;
pub use status::{Counts, Failure, Process, Status};
pub use surroundings::environment;
pub use worker::main as worker_main;
