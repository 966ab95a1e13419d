//! The kinds of models that are made of an organism.

use picklock_files::Key;
use picklock_sdk::LockSpec;
use serde::{Deserialize, Serialize};

use super::source::Source;

/// A kind of model that is made of an organism.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The capable one.
    Base,
    /// The one that is imitated.
    Weak,
    /// The base model with this lock.
    Locked(LockSpec),
    /// The same after so many steps of the lock.
    LockedAfter(LockSpec, u32),
    /// What the weak model answers, read in this way: no model, but kept like one.
    Answers(Source),
}

impl Kind {
    /// A locked model; `after` are the steps done, where those aren't all.
    pub fn locked(spec: &LockSpec, after: Option<u32>) -> Self {
        match after {
            None => Self::Locked(spec.clone()),
            Some(step) => Self::LockedAfter(spec.clone(), step),
        }
    }

    /// What is trained to its end to make it.
    #[must_use]
    pub fn whole(&self) -> Self {
        match self {
            Self::LockedAfter(spec, _) => Self::Locked(spec.clone()),
            other => other.clone(),
        }
    }

    /// In a word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Weak => "weak",
            Self::Locked(_) | Self::LockedAfter(..) => "locked",
            Self::Answers(_) => "answers",
        }
    }

    /// Of a locked model, `plain` or the first digits of its lock's key, and the steps of it that were
    /// done where those aren't all.
    pub fn lock(&self) -> Option<String> {
        match self {
            Self::Locked(spec) if *spec == LockSpec::plain() => Some("plain".to_string()),
            Self::Locked(spec) => Some(Key::of(spec).short().to_string()),
            Self::LockedAfter(_, step) => Some(format!("{}@{step}", self.whole().lock()?)),
            _ => None,
        }
    }
}
