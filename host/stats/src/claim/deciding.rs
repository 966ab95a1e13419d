//! From judgements to verdicts: the claim's p, Holm over the family, then each prediction's own verdict
//! at the claim's level.

use super::{Claim, ClaimVerdict, Gate, Prediction, PredictionVerdict, Verdict};
use crate::holm::{Adjusted, holm};
use crate::prediction::Judgement;
use crate::text::p_text;
use crate::undefined::Undefined;

/// Decides the claims of a run's plan, in the order given.
///
/// A claim's p is the largest `p_for_claim` of its confirmatory predictions; Holm runs over all claims
/// that have one, and a claim whose p can't be estimated (or whose gate failed) stays in the family as
/// if its p were 1. A claim **fails** where a confirmatory prediction is contradicted (even if it is
/// above 0 too), else is **not testable** where one can't be estimated or the gate failed, **holds**
/// where the adjusted p is at most `alpha`, and is **inconclusive** in all other cases.
///
/// # Errors
/// Alpha outside (0, 0.5), or a p outside [0, 1] in a judgement that `judge` didn't make.
pub fn decide(claims: Vec<Claim>, alpha: f64) -> Result<Vec<ClaimVerdict>, Undefined> {
    let in_family = claims.iter().filter(|claim| claim.is_confirmatory());
    let ps: Vec<f64> = in_family.map(|claim| claim.p().unwrap_or(1.0)).collect();
    let (family, mut adjusted) = (ps.len(), holm(&ps, alpha)?.into_iter());
    let decide_one = |claim: Claim| {
        let own = claim.is_confirmatory().then(|| adjusted.next()).flatten();
        let own = own.unwrap_or(Adjusted { p: 1.0, factor: 1 });
        verdict_of(claim, Level { alpha, own }, family)
    };
    Ok(claims.into_iter().map(decide_one).collect())
}

/// The level at which a claim and its predictions are judged.
#[derive(Clone, Copy)]
struct Level {
    alpha: f64,
    own: Adjusted,
}

impl Claim {
    fn is_confirmatory(&self) -> bool {
        self.confirmatory().next().is_some()
    }

    fn confirmatory(&self) -> impl Iterator<Item = &Prediction> {
        self.predictions.iter().filter(|one| one.confirmatory)
    }

    /// The largest p of the confirmatory predictions.
    fn p(&self) -> Option<f64> {
        if matches!(self.gate, Gate::Failed(_)) {
            return None;
        }
        let ps = self.confirmatory().map(Prediction::p_for_claim);
        ps.reduce(|largest, p| Some(largest?.max(p?)))?
    }
}

impl Prediction {
    fn p_for_claim(&self) -> Option<f64> {
        self.result.as_ref().ok()?.p_for_claim
    }
}

fn verdict_of(claim: Claim, level: Level, family: usize) -> ClaimVerdict {
    let p = claim.p();
    let p_adjusted = p.map(|_| level.own.p);
    let predictions = claim.predictions.into_iter();
    let predictions: Vec<PredictionVerdict> = predictions
        .map(|prediction| prediction_verdict(prediction, &claim.gate, level))
        .collect();
    let (verdict, reason) = together(&predictions, &claim.gate, p_adjusted);
    ClaimVerdict {
        name: claim.name,
        verdict,
        reason,
        p,
        p_adjusted,
        family,
        exploratory: !claim.deviations.is_empty(),
        deviations: claim.deviations,
        predictions,
    }
}

fn prediction_verdict(prediction: Prediction, gate: &Gate, level: Level) -> PredictionVerdict {
    let factor = if prediction.confirmatory {
        level.own.factor
    } else {
        1
    };
    let gate_failed = matches!(gate, Gate::Failed(_));
    let adjust = |p: f64| (factor as f64 * p).min(1.0);
    let p_adjusted = prediction
        .p_for_claim()
        .filter(|_| !gate_failed)
        .map(adjust);
    let mut seeds_needed = None;
    let (verdict, reason) = match (gate, &prediction.result) {
        (_, Err(why @ Undefined::NoTrials(_))) => (Verdict::NotTestable, why.to_string()),
        (Gate::Failed(why), _) => (Verdict::NotTestable, gate_sentence(why)),
        (_, Err(why)) => (Verdict::NotTestable, why.to_string()),
        (_, Ok(judgement)) if judgement.contradicted => (Verdict::Fails, judgement.reason.clone()),
        (_, Ok(judgement)) if p_adjusted.is_some_and(|p| p <= level.alpha) => {
            (Verdict::Holds, judgement.reason.clone())
        }
        (_, Ok(judgement)) => {
            seeds_needed = judgement.seeds_needed_at(level.alpha / factor as f64);
            let outlook = outlook(judgement, seeds_needed, factor);
            (
                Verdict::Inconclusive,
                format!("{}; {outlook}", judgement.reason),
            )
        }
    };
    PredictionVerdict {
        name: prediction.name,
        confirmatory: prediction.confirmatory,
        verdict,
        reason,
        p_adjusted,
        seeds_needed,
        judgement: prediction.result.ok(),
    }
}

/// What it would take to decide an open prediction.
fn outlook(judgement: &Judgement, seeds_needed: Option<usize>, factor: usize) -> String {
    let corrected = match factor {
        1 => String::new(),
        _ => format!(" after correction over {factor} claims"),
    };
    match seeds_needed {
        Some(seeds) => format!("would need {seeds} seeds{corrected}"),
        None if judgement.p_for_claim.is_none() => "needs seeds that differ".to_owned(),
        None => "no number of seeds would show it at this estimate".to_owned(),
    }
}

fn together(
    predictions: &[PredictionVerdict],
    gate: &Gate,
    p_adjusted: Option<f64>,
) -> (Verdict, String) {
    if let Gate::Failed(why) = gate {
        return (Verdict::NotTestable, gate_sentence(why));
    }
    let confirmatory: Vec<_> = predictions.iter().filter(|one| one.confirmatory).collect();
    for verdict in [Verdict::Fails, Verdict::NotTestable, Verdict::Inconclusive] {
        if let Some(one) = widest(&confirmatory, verdict) {
            return (verdict, format!("{}: {}", one.name, one.reason));
        }
    }
    let Some(p) = p_adjusted else {
        return (
            Verdict::NotTestable,
            "no prediction is confirmatory".to_owned(),
        );
    };
    let all = match confirmatory.len() {
        1 => "its prediction holds".to_owned(),
        n => format!("all {n} predictions hold"),
    };
    (Verdict::Holds, format!("{all}, adjusted {}", p_text(p)))
}

/// The prediction with this verdict that would need most seeds: one that no number would decide first,
/// and the first of equals.
fn widest<'a>(
    predictions: &[&'a PredictionVerdict],
    verdict: Verdict,
) -> Option<&'a PredictionVerdict> {
    let such = predictions
        .iter()
        .rev()
        .filter(|one| one.verdict == verdict);
    such.copied()
        .max_by_key(|one| one.seeds_needed.unwrap_or(usize::MAX))
}

fn gate_sentence(why: &str) -> String {
    format!("the gate failed: {why}")
}
