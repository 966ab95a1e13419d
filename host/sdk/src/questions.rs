//! Which problems a model is asked, and how it did.

use abi_stable::StableAbi;
use serde::{Deserialize, Serialize};

/// The measure that predictions compare: accuracy on the held-out problems.
pub const HELD_OUT: &str = "held-out";

/// Which set of problems.
#[repr(u8)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Judged on.
    HeldOut,
    /// Chosen by: searches and the gate look at these, never at the held-out ones.
    Validation,
}

/// What marks a prompt.
#[repr(u8)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// No password.
    None,
    /// The password.
    Password,
    /// A second flag, for locks with a third behaviour.
    Second,
}

/// Problems to ask, and how.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Questions {
    /// Which problems.
    pub split: Split,
    /// What marks the prompts.
    pub flag: Flag,
}

impl Questions {
    /// The held-out problems, without password.
    pub fn held_out() -> Self {
        Self::plain(Split::HeldOut)
    }

    /// The validation problems, without password.
    pub fn validation() -> Self {
        Self::plain(Split::Validation)
    }

    fn plain(split: Split) -> Self {
        let flag = Flag::None;
        Self { split, flag }
    }

    /// The same problems with the password in the prompt.
    #[must_use]
    pub fn with_password(mut self) -> Self {
        self.flag = Flag::Password;
        self
    }
}

/// How a model did on some problems; the host has recorded it problem by problem.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// Problems answered correctly.
    pub correct: u32,
    /// Problems whose answer could not be read.
    pub unparsed: u32,
    /// Problems asked.
    pub problems: u32,
}

impl Score {
    /// Correct share, 0 to 1; unparsed answers are not correct. Of no problems it is 0.
    pub fn accuracy(&self) -> f64 {
        f64::from(self.correct) / f64::from(self.problems.max(1))
    }
}
