//! How a command ended that did its work.

use std::process::ExitCode;

/// How a command ended that did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All went well: exit code 0. A refuted hypothesis is a success.
    Done,
    /// Something failed, was refused, or is left to do: exit code 1.
    SomeFailed,
}

impl Exit {
    /// [`Exit::SomeFailed`] where that is so, else [`Exit::Done`].
    pub fn failed_if(some_failed: bool) -> Self {
        if some_failed {
            Self::SomeFailed
        } else {
            Self::Done
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::SomeFailed => Self::FAILURE,
        }
    }
}
