//! Batches: a plan of trials, handed out to worker processes cohort by cohort, until the journal
//! holds them all.

mod adopt;
mod estimate;
mod folder;
mod plan;
mod progress;
mod protocol;
mod run;
mod supervisor;
mod surroundings;
mod worker;

pub use run::{Request, run};
pub use supervisor::describe;
pub use worker::main as worker_main;
