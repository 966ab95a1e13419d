//! Processes: the children that picklock starts, and the job that it runs in itself.

mod allocation;

pub use allocation::{gpus, is_task, job_here};
