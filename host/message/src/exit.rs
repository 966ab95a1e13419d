//! How a command ends.

use std::process::ExitCode;

/// How a command ends that no error ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All that was asked for is done: exit code 0.
    Done,
    /// Some trial or part failed, or is left to do: exit code 1.
    SomeFailed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::SomeFailed => Self::FAILURE,
        }
    }
}
