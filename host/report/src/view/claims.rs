//! Claims and their predictions in words.

use picklock_stats::{Gate, Interval, PredictionVerdict, Verdict};

use crate::effect::Effect;
use crate::evidence::Evidence;
use crate::judgement::{JudgedClaim, word};
use crate::numbers::{self, Estimate};

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
    pub verdict: String,
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
    pub verdict: String,
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
    /// Puts a claim into words.
    pub fn new(evidence: &Evidence, claim: &JudgedClaim) -> Self {
        let (registration, verdict) = (&claim.registration, &claim.verdict);
        let optional = |p: Option<f64>| p.map(numbers::p).unwrap_or_default();
        let predictions = verdict.predictions.iter().enumerate();
        Self {
            name: registration.name.clone(),
            claim: registration.claim.clone(),
            said_by: registration.said_by.clone(),
            source: registration.source.clone(),
            verdict: word(verdict.verdict).to_string(),
            exploratory: verdict.exploratory,
            agrees: match verdict.verdict {
                Verdict::Holds => "yes",
                Verdict::Fails => "no",
                Verdict::Inconclusive | Verdict::NotTestable => "open",
            },
            reason: verdict.reason.clone(),
            p: optional(verdict.p),
            p_adjusted: optional(verdict.p_adjusted),
            predictions: predictions
                .map(|(index, told)| prediction(evidence, claim, index, told))
                .collect(),
            gate: match &claim.gate {
                Gate::Passed => "passed".to_string(),
                Gate::Failed(reason) => format!("FAILED, {reason}"),
                Gate::NotApplicable(reason) => format!("not applicable, {reason}"),
            },
            deviations: verdict.deviations.iter().map(ToString::to_string).collect(),
        }
    }
}

impl PredictionView {
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

fn prediction(
    evidence: &Evidence,
    claim: &JudgedClaim,
    index: usize,
    told: &PredictionVerdict,
) -> PredictionView {
    let effect = &claim.effects[index];
    let estimate = estimate(effect, told);
    let optional = |p: Option<f64>| p.map(numbers::p).unwrap_or_default();
    let judgement = told.judgement.as_ref();
    let problems_only = claim.problems_only[index].as_ref().map(|test| {
        format!(
            "McNemar's exact test on the first draw's problems: {} points, p {}",
            numbers::points(test.estimate),
            numbers::p(test.p)
        )
    });
    let level = estimate.interval.map(|interval| interval.level);
    PredictionView {
        name: told.name.clone(),
        confirmatory: told.confirmatory,
        verdict: word(told.verdict).to_string(),
        effect: estimate.text(),
        level: level.map(numbers::level).unwrap_or_default(),
        p: optional(judgement.and_then(|judgement| judgement.p)),
        p_adjusted: optional(told.p_adjusted),
        n: match effect.per_seed.len() {
            0 => format!("0 of {}", evidence.manifest.seeds),
            seeds => format!("{seeds} x {} x {}", effect.draws, effect.problems),
        },
        reason: told.reason.clone(),
        problems_only,
    }
}

/// The effect behind a prediction: as it was judged, and where it couldn't be, as it was measured.
pub fn estimate(effect: &Effect, told: &PredictionVerdict) -> Estimate {
    match &told.judgement {
        Some(judgement) => Estimate {
            points: Some(judgement.estimate),
            interval: Some(Interval {
                low: judgement.ci_low,
                high: judgement.ci_high,
                level: judgement.ci_level,
            }),
            p: judgement.p,
            seeds: judgement.n_seeds,
        },
        None => Estimate::of_effect(effect, 0.95),
    }
}
