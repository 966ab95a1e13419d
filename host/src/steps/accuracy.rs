//! How a model did on some problems, with what is known of it.

use picklock_sdk::Score;
use picklock_stats::{Interval, wilson};
use serde::Serialize;

/// How sure the intervals of single steps are.
pub const LEVEL: f64 = 0.95;

/// How a model did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Accuracy {
    /// Problems answered correctly.
    pub correct: u32,
    /// Problems answered readably, and not correctly.
    pub wrong: u32,
    /// Problems whose answer could not be read.
    pub unparsed: u32,
    /// Problems asked.
    pub problems: u32,
    /// Correct ones of all, in percent.
    pub percent: f64,
    /// Wilson's interval, in percent: it speaks of other problems for this very model. None without
    /// problems.
    pub interval: Option<Interval>,
}

impl From<Score> for Accuracy {
    fn from(score: Score) -> Self {
        Self {
            correct: score.correct,
            wrong: score.problems - score.correct - score.unparsed,
            unparsed: score.unparsed,
            problems: score.problems,
            percent: 100.0 * f64::from(score.correct) / f64::from(score.problems.max(1)),
            interval: wilson(score.correct.into(), score.problems.into(), LEVEL).ok(),
        }
    }
}
