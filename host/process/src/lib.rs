//! Processes: the children that picklock starts, and the job that it runs in itself.

mod allocation;
mod line_child;

pub use allocation::{gpus, is_task, job_here};
pub use line_child::{LineChild, NoLine};
