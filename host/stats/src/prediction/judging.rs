//! The test of a prediction: the mean over seeds of every contrast that it needs above 0.

use super::sentence::{Outcome, sentence};
use super::sides::sides;
use super::{Evidence, Expectation, Judgement, Margin, Tails};
use crate::holm::check_alpha;
use crate::power::seeds_for_power;
use crate::student::SeedMean;
use crate::undefined::Undefined;

/// Judges a prediction by the seeds, at the unadjusted `alpha`.
///
/// Every mean below is Student's t over seeds, or where the seeds share problems the mean clustered by
/// seed and problem ([`SeedMean::two_way`]); the contrasts are formed value by value before.
///
/// - greater, less: two-sided t over seeds; success needs the right sign. Contradicted where the
///   `1 - alpha` interval of `x - smallest` (less: `-x - smallest`) lies wholly below 0. Where
///   `smallest` is a share of core's effect and that isn't clear of 0 or wasn't given, it counts as 0.
/// - equivalent: two one-sided tests (Schuirmann 1987) of `x + margin` and `margin - x`, p the larger.
/// - non-inferior: the one-sided test of `x + margin`.
/// - ratio within `[a, b]`: two one-sided tests of `x - a full` and `b full - x` (Fieller's contrasts).
///
/// The last three are contradicted where the `1 - 2 alpha` interval of one contrast lies wholly below
/// 0. A contrast without variance between seeds has no p and contradicts nothing.
///
/// # Errors
/// Fewer than 2 seeds, series of different lengths, values that are not finite, a parameter outside its
/// range; a share margin without core's effects, or with one whose 95% interval is not above 0; a ratio
/// without a full effect that is clear of 0.
pub fn judge(
    expectation: &Expectation,
    evidence: &Evidence,
    smallest: &Margin,
    alpha: f64,
) -> Result<Judgement, Undefined> {
    check_alpha(alpha)?;
    let effect = evidence.mean(evidence.effects)?;
    let sides = sides(expectation, evidence, smallest)?;
    let level = sides.tails.level(alpha);
    let interval = effect.interval(level)?;
    let p = p_of(&sides.required, sides.tails);
    let p_for_claim = p_for_claim(&sides.required, p, sides.tails);
    let supported = p_for_claim.is_some_and(|p| p <= alpha);
    let contradicted = any_below_zero(&sides.refuting, level)?;
    let outcome = Outcome {
        expectation,
        evidence,
        smallest,
        effect,
        interval,
        p,
    };
    Ok(Judgement {
        estimate: effect.estimate,
        ci_low: interval.low,
        ci_high: interval.high,
        ci_level: level,
        p,
        p_for_claim,
        n_seeds: effect.n,
        generalises: evidence.problems.generalises(),
        supported,
        contradicted,
        reason: sentence(&outcome, supported, contradicted),
        seeds_needed: seeds_for_power(&sides.required, sides.tails.share(alpha)),
        contrasts: sides.required,
        tails: sides.tails,
    })
}

/// The largest p of the contrasts, none where one of them has none.
fn p_of(required: &[SeedMean], tails: Tails) -> Option<f64> {
    let one = |contrast: &SeedMean| match tails {
        Tails::One => contrast.p_above().ok(),
        Tails::Two => contrast.p().ok(),
    };
    let mut ps = required.iter().map(one);
    ps.try_fold(0.0, |largest: f64, p| Some(largest.max(p?)))
}

/// The claim's p: 1 where the direction is wrong, or fixed on the wrong side in every seed.
fn p_for_claim(required: &[SeedMean], p: Option<f64>, tails: Tails) -> Option<f64> {
    let wrong = |contrast: &SeedMean| {
        contrast.estimate <= 0.0 && (tails == Tails::Two || contrast.standard_error == 0.0)
    };
    if required.iter().any(wrong) {
        Some(1.0)
    } else {
        p
    }
}

fn any_below_zero(refuting: &[SeedMean], level: f64) -> Result<bool, Undefined> {
    for contrast in refuting {
        if contrast.standard_error > 0.0 && contrast.interval(level)?.high < 0.0 {
            return Ok(true);
        }
    }
    Ok(false)
}
