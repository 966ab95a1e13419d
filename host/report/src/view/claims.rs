//! Claims and their predictions in words.

use picklock_stats::{Gate, Verdict};

use crate::analysis::{ClaimAnalysis, PredictionAnalysis};
use crate::numbers::{self, optional_p};

/// A claim and what became of it.
pub struct ClaimView {
    /// The hypothesis.
    pub name: String,
    /// The claim, as a sentence.
    pub claim: String,
    /// Who says it.
    pub said_by: String,
    /// Where.
    pub source: String,
    /// `holds`, `fails`, `inconclusive` or `not testable`.
    pub verdict: &'static str,
    /// Whether the run departs from the pre-registration.
    pub exploratory: bool,
    /// Whether this run agrees with who said it: `yes`, `no`, `open`.
    pub agrees: &'static str,
    /// Why, in one sentence.
    pub reason: String,
    /// The claim's p, and after correction over the run's claims.
    pub p: String,
    /// After correction.
    pub p_adjusted: String,
    /// Its predictions.
    pub predictions: Vec<PredictionView>,
    /// Whether the locks that it rests on are good enough.
    pub gate: String,
    /// Departures from the pre-registration.
    pub deviations: Vec<String>,
}

/// A prediction and what became of it.
pub struct PredictionView {
    /// Its name.
    pub name: String,
    /// Whether the claim rests on it.
    pub confirmatory: bool,
    /// `holds`, `fails`, `inconclusive` or `not testable`.
    pub verdict: &'static str,
    /// Effect in percentage points, with its interval.
    pub effect: String,
    /// How sure the interval is, in percent.
    pub level: String,
    /// Its own p.
    pub p: String,
    /// At the claim's corrected level.
    pub p_adjusted: String,
    /// Seeds x draws x problems.
    pub n: String,
    /// Why, in one sentence.
    pub reason: String,
    /// With a single seed, what can be said of its problems.
    pub problems_only: Option<String>,
}

impl ClaimView {
    /// Puts a claim into words; `seeds` are the run's.
    pub fn new(claim: &ClaimAnalysis, seeds: u32) -> Self {
        let (registration, verdict) = (claim.registration, &claim.verdict);
        let predictions = claim.predictions.iter();
        Self {
            name: registration.name.clone(),
            claim: registration.claim.clone(),
            said_by: registration.said_by.clone(),
            source: registration.source.clone(),
            verdict: verdict.verdict.word(),
            exploratory: verdict.exploratory,
            agrees: match verdict.verdict {
                Verdict::Holds => "yes",
                Verdict::Fails => "no",
                Verdict::Inconclusive | Verdict::NotTestable => "open",
            },
            reason: verdict.reason.clone(),
            p: optional_p(verdict.p),
            p_adjusted: optional_p(verdict.p_adjusted),
            predictions: predictions
                .map(|prediction| PredictionView::new(prediction, seeds))
                .collect(),
            gate: match &claim.gate {
                Gate::Passed => "passed".to_string(),
                Gate::Failed(reason) => format!("FAILED, {reason}"),
                Gate::NotApplicable(reason) => format!("not applicable, {reason}"),
            },
            deviations: verdict.deviations.iter().map(ToString::to_string).collect(),
        }
    }

    /// The verdict in capitals: `HOLDS`, `FAILS, exploratory`.
    pub fn outcome(&self) -> String {
        let exploratory = if self.exploratory {
            ", exploratory"
        } else {
            ""
        };
        format!("{}{exploratory}", self.verdict.to_uppercase())
    }
}

impl PredictionView {
    fn new(prediction: &PredictionAnalysis, seeds: u32) -> Self {
        let (effect, verdict) = (&prediction.compared.effect, &prediction.verdict);
        let estimate = prediction.estimate();
        let problems_only = prediction.problems_only.as_ref().map(|test| {
            format!(
                "McNemar's exact test on the first draw's problems: {} points, p {}",
                numbers::points(test.estimate),
                numbers::p(test.p)
            )
        });
        Self {
            name: verdict.name.clone(),
            confirmatory: verdict.confirmatory,
            verdict: verdict.verdict.word(),
            effect: estimate.text(),
            level: estimate.level_text(),
            p: optional_p(verdict.judgement.as_ref().and_then(|judgement| judgement.p)),
            p_adjusted: optional_p(verdict.p_adjusted),
            n: match effect.per_seed.len() {
                0 => format!("0 of {seeds}"),
                seeds => format!("{seeds} x {} x {}", effect.draws, effect.problems),
            },
            reason: verdict.reason.clone(),
            problems_only,
        }
    }

    /// What became of it, in one line.
    pub fn sentence(&self) -> String {
        let role = if self.confirmatory {
            ""
        } else {
            ", descriptive"
        };
        let sentence = format!("{} ({}{role}): {}", self.name, self.verdict, self.reason);
        match &self.problems_only {
            None => sentence,
            Some(test) => format!("{sentence}; {test}"),
        }
    }
}
