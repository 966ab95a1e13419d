//! Processes: the children that picklock starts, and the job that it runs in itself.

mod allocation;
mod child;
mod line_child;

pub use allocation::{gpus, is_task, job_here};
pub use child::{ChildError, output, output_with_stderr};
pub use line_child::{LineChild, NoLine};
