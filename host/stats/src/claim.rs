//! Claims: what the predictions of each say together, with Holm's correction over the family.

mod deciding;
mod deviation;

use serde::Serialize;

use crate::prediction::Judgement;
use crate::undefined::Undefined;

pub use deciding::decide;
pub use deviation::{Deviation, Unit};

/// How a prediction or claim came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It succeeds at the adjusted p.
    Holds,
    /// The interval excludes all that would support it to a degree that matters.
    Fails,
    /// Neither; more seeds may settle it.
    Inconclusive,
    /// The gate failed, or what it is measured against can't be estimated.
    NotTestable,
}

impl Verdict {
    /// The verdict in words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Inconclusive => "inconclusive",
            Self::NotTestable => "not testable",
        }
    }
}

/// Whether the locks that a claim rests on are good enough to test it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// They are.
    Passed,
    /// They are not, and why.
    Failed(String),
    /// There is nothing to check, and why.
    NotApplicable(String),
}

/// One prediction of a claim as it was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Its name in the pre-registration.
    pub name: String,
    /// Whether the claim rests on it; the others are told, but decide nothing.
    pub confirmatory: bool,
    /// What the seeds say, or why they can't.
    pub result: Result<Judgement, Undefined>,
}

/// A claim and all that its verdict depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The hypothesis's name.
    pub name: String,
    /// Outcome of the gate over the claim's locks.
    pub gate: Gate,
    /// Its predictions.
    pub predictions: Vec<Prediction>,
    /// Where the run departs from the pre-registration; any makes the claim exploratory.
    pub deviations: Vec<Deviation>,
}

/// What became of one prediction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictionVerdict {
    /// Its name.
    pub name: String,
    /// Whether the claim rests on it.
    pub confirmatory: bool,
    /// Its own verdict: at the claim's adjusted level if confirmatory, else at its own p.
    pub verdict: Verdict,
    /// Why, in one sentence with numbers.
    pub reason: String,
    /// Its p times the claim's Holm factor, at most 1; its own p if not confirmatory. None where it
    /// can't be estimated or the gate failed.
    pub p_adjusted: Option<f64>,
    /// Seeds that would settle it at that level, where it is inconclusive and more seeds would.
    pub seeds_needed: Option<usize>,
    /// The numbers, shown also where the gate failed.
    pub judgement: Option<Judgement>,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClaimVerdict {
    /// Its name.
    pub name: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// The largest p of its confirmatory predictions. None where one of them can't be estimated, the
    /// gate failed, or no prediction is confirmatory.
    pub p: Option<f64>,
    /// `p` after Holm's correction over the family.
    pub p_adjusted: Option<f64>,
    /// Claims that the correction was made over; claims without a p count.
    pub family: usize,
    /// Whether the run departs from the pre-registration.
    pub exploratory: bool,
    /// How it departs.
    pub deviations: Vec<Deviation>,
    /// Its predictions, in the order given.
    pub predictions: Vec<PredictionVerdict>,
}
