//! The queue: how Slurm says that tasks are.

use std::collections::HashMap;

use picklock_message::{Error, Result};

use crate::client::ask;

/// States in which a task is over. Whatever else Slurm says, it waits or runs.
const OVER: [&str; 11] = [
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "LAUNCH_FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
];

/// A job, or a task of an array, as the queue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Slurm's state, as in `PENDING`.
    pub state: String,
    /// Why it waits.
    pub reason: String,
    /// Where it runs.
    pub node: String,
}

impl Entry {
    /// Whether it has ended, and Slurm will not start it again.
    pub fn over(&self) -> bool {
        OVER.contains(&self.state.as_str())
    }

    /// Whether it waits to be started.
    pub fn waits(&self) -> bool {
        !self.over() && self.node.is_empty()
    }
}

/// What Slurm still knows of these jobs, by id, as in `12` or `12_3`. It forgets a job some minutes
/// after its end.
///
/// # Errors
/// Where there is no `squeue`, or it doesn't answer.
pub fn look(jobs: &[u64]) -> Result<HashMap<String, Entry>> {
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<String> = jobs.iter().map(u64::to_string).collect();
    let jobs = format!("--jobs={}", ids.join(","));
    let arguments = [
        "--noheader",
        "--array",
        "--states=all",
        "--format=%i|%T|%r|%N",
        &jobs,
    ];
    match ask("squeue", &arguments) {
        Ok(answer) => Ok(parse(&answer)),
        // All of them are forgotten.
        Err(Error::Usage(problem)) if problem.contains("Invalid job id") => Ok(HashMap::new()),
        Err(error) => Err(error),
    }
}

fn parse(answer: &str) -> HashMap<String, Entry> {
    let entry = |line: &str| {
        let mut fields = line.trim().split('|').map(str::to_string);
        let id = fields.next()?;
        let entry = Entry {
            state: fields.next()?,
            reason: fields.next()?,
            node: fields.next()?,
        };
        Some((id, entry))
    };
    answer.lines().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_read() {
        let queue = parse("3_5|PENDING|Resources|\n3_1|RUNNING|None|node3\n4|CANCELLED|None|\n");
        let is = |id: &str| (queue[id].waits(), queue[id].over());
        assert_eq!(is("3_5"), (true, false));
        assert_eq!(is("3_1"), (false, false));
        assert_eq!(is("4"), (false, true));
        assert_eq!(queue["3_5"].reason, "Resources");
    }
}
