//! Batches: a plan of trials, handed out to worker processes cohort by cohort, until the journal
//! holds them all.

mod adopt;
mod describe;
mod enlist;
mod estimate;
mod folder;
mod plan;
mod process;
mod progress;
mod protocol;
mod run;
mod supervisor;
mod surroundings;
mod worker;

pub use describe::describe;
pub use run::{Request, run};
pub use worker::main as worker_main;
