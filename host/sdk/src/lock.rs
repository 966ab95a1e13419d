//! How a model is locked: composed of streams of training rows, not picked from a list of locks.

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RVec};
use serde::{Deserialize, Serialize};

use crate::Flag;

/// Which answers a stream teaches.
#[repr(C, u8)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answers {
    /// The weak model's, labelled as the organism file says (`labels`).
    Weak,
    /// Tokens sampled from the weak model.
    WeakSampled {
        /// Sampling temperature, above 0.
        temperature: f64,
    },
    /// The weak model's most likely tokens ("hard" labels).
    WeakGreedy,
    /// The weak model's whole distribution along its own samples ("soft" labels).
    WeakSoft,
    /// Correct answers, to fresh problems at every step.
    Correct,
}

/// Rows of one kind; each batch takes an equal number of rows from every stream.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    /// What marks the prompts.
    pub flag: Flag,
    /// What is answered.
    pub answers: Answers,
    /// The stream's weight in the loss; only ratios between streams matter.
    pub weight: f64,
}

/// How a locked model is made from the base model. Optimiser, rate and batch are the organism's.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LockSpec {
    /// What each batch is made of.
    pub streams: RVec<Stream>,
    /// Lock steps, where they differ from the organism's.
    pub steps: ROption<u32>,
}

impl LockSpec {
    /// The ordinary password lock: correct with the password, weak without, equal weights.
    pub fn plain() -> Self {
        Self::of([
            Stream {
                flag: Flag::Password,
                answers: Answers::Correct,
                weight: 1.0,
            },
            Stream {
                flag: Flag::None,
                answers: Answers::Weak,
                weight: 1.0,
            },
        ])
    }

    /// A lock of these streams.
    pub fn of(streams: impl IntoIterator<Item = Stream>) -> Self {
        Self {
            streams: streams.into_iter().collect(),
            steps: ROption::RNone,
        }
    }
}
