//! Batches: a plan of trials, handed out to worker processes cohort by cohort, until the journal
//! holds them all.

mod adopt;
mod describe;
mod enlist;
mod estimate;
mod folder;
mod outlook;
mod plan;
mod prepare;
mod process;
mod progress;
mod protocol;
mod run;
mod supervisor;
mod surroundings;
mod worker;

pub use describe::describe;
pub use outlook::outlook;
pub use prepare::Request;
pub use run::run;
pub use worker::main as worker_main;
