//! How the weak model is read.

use serde::{Deserialize, Serialize};

use super::sampling::Sampling;

/// How the weak model is read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Sampled tokens.
    Sampled(Sampling),
    /// The most likely tokens.
    Greedy,
    /// Tokens sampled at temperature 1, and the distribution at each of them.
    Soft,
}

impl Source {
    /// How its answers are drawn.
    pub fn sampling(self) -> Sampling {
        match self {
            Self::Sampled(sampling) => sampling,
            Self::Greedy => Sampling::GREEDY,
            Self::Soft => Sampling::default(),
        }
    }
}
