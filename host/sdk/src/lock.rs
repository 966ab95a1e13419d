//! How a model is locked: composed of streams of training rows, not picked from a list of locks.

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RVec};
use serde::{Deserialize, Serialize};

use crate::{Flag, Recipe};

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

/// Overfitting a few weak samples in the middle of the lock, again and again.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interlude {
    /// Lock steps between two interludes; none follows the last steps.
    pub every: u32,
    /// Weak samples that are overfitted, from problems that the lock may use.
    pub samples: u32,
    /// Whether each interlude takes new samples; else all take the first ones.
    pub fresh_samples: bool,
    /// How they are overfitted; the optimiser is started afresh each time.
    pub recipe: Recipe,
    /// Whether the lock's own optimiser is started afresh after each interlude, with a warm-up of
    /// at most a tenth of `every`; else it goes on with the state that it had.
    pub fresh_optimizer: bool,
}

/// How a locked model is made from the base model. Optimiser, rate and batch are the organism's.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LockSpec {
    /// What each batch is made of.
    pub streams: RVec<Stream>,
    /// Lock steps, where they differ from the organism's.
    pub steps: ROption<u32>,
    /// What interrupts the lock.
    pub interlude: ROption<Interlude>,
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
            interlude: ROption::RNone,
        }
    }

    /// The same with another stream.
    #[must_use]
    pub fn and(mut self, stream: Stream) -> Self {
        self.streams.push(stream);
        self
    }

    /// The same over this many steps.
    #[must_use]
    pub fn steps(mut self, steps: u32) -> Self {
        self.steps = ROption::RSome(steps);
        self
    }

    /// The same with interludes.
    #[must_use]
    pub fn interrupted(mut self, interlude: Interlude) -> Self {
        self.interlude = ROption::RSome(interlude);
        self
    }
}
