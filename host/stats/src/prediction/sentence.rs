//! A judgement in one sentence: the numbers, then what they say to the expectation.

use super::{Evidence, Expectation, Margin};
use crate::interval::Interval;
use crate::student::SeedMean;
use crate::text::p_text;

/// What the sentence tells of.
pub(super) struct Outcome<'a> {
    pub expectation: &'a Expectation,
    pub evidence: &'a Evidence<'a>,
    pub smallest: &'a Margin,
    pub effect: SeedMean,
    pub interval: Interval,
    pub p: Option<f64>,
}

/// "12.3 points (95% interval 4.5 to 20.1, p = 0.004, 8 seeds): above 0".
pub(super) fn sentence(outcome: &Outcome, supported: bool, contradicted: bool) -> String {
    let Interval { low, high, level } = outcome.interval;
    let shared = outcome.effect.shared;
    let shared = shared.map(|shared| format!(" on {} shared problems", shared.n));
    let shared = shared.unwrap_or_default();
    format!(
        "{:.1} points ({}% interval {low:.1} to {high:.1}, {}, {} seeds{}): {}",
        outcome.effect.estimate,
        percent(level),
        p_or_reason(outcome.p),
        outcome.effect.n,
        shared,
        finding(outcome, supported, contradicted),
    )
}

fn p_or_reason(p: Option<f64>) -> String {
    let reason = || "no p as there is no variance between seeds".to_owned();
    p.map_or_else(reason, p_text)
}

/// A share as a percentage without needless digits: 0.95 is "95", 0.125 is "12.5".
fn percent(share: f64) -> String {
    format!("{}", (share * 1e6).round() / 1e4)
}

fn finding(outcome: &Outcome, supported: bool, contradicted: bool) -> String {
    let wish = wish(outcome);
    match (supported, contradicted) {
        (true, false) => wish,
        (true, true) => format!("{wish}, but too small to count: {}", counter(outcome)),
        (false, true) => counter(outcome),
        (false, false) => format!("not shown to be {wish}"),
    }
}

/// What the expectation wants of the effect.
fn wish(outcome: &Outcome) -> String {
    match outcome.expectation {
        Expectation::Greater => "above 0".to_owned(),
        Expectation::Less => "below 0".to_owned(),
        Expectation::Equivalent(margin) => format!("within {} of 0", size(margin)),
        Expectation::NonInferior(margin) => format!("less than {} below 0", size(margin)),
        Expectation::RatioWithin { low, high } => {
            format!("{}{}", range(*low, *high), ratio_now(outcome))
        }
    }
}

/// What a contradicted effect is instead.
fn counter(outcome: &Outcome) -> String {
    match outcome.expectation {
        Expectation::Greater if outcome.interval.high < 0.0 => "wholly below 0".to_owned(),
        Expectation::Less if outcome.interval.low > 0.0 => "wholly above 0".to_owned(),
        Expectation::Greater => format!("wholly short of {}", smallest(outcome)),
        Expectation::Less => format!("wholly short of {} below 0", smallest(outcome)),
        Expectation::Equivalent(margin) => format!("wholly more than {} from 0", size(margin)),
        Expectation::NonInferior(margin) => format!("wholly more than {} below 0", size(margin)),
        Expectation::RatioWithin { low, high } => {
            let (range, ratio) = (range(*low, *high), ratio_now(outcome));
            format!("wholly outside {range}{ratio}")
        }
    }
}

fn smallest(outcome: &Outcome) -> String {
    let size = size(outcome.smallest);
    format!("{size}, the smallest effect that counts")
}

fn size(margin: &Margin) -> String {
    match margin {
        Margin::Points(points) => format!("{points} points"),
        Margin::CoreShare(share) => format!("{}% of core's effect", percent(*share)),
    }
}

fn range(low: f64, high: f64) -> String {
    if high.is_infinite() {
        format!("more than {low} of the full effect")
    } else {
        format!("{low} to {high} of the full effect")
    }
}

/// The ratio of the means, for reading only.
fn ratio_now(outcome: &Outcome) -> String {
    let Some(full) = outcome.evidence.reference else {
        return String::new();
    };
    let mean = full.iter().sum::<f64>() / full.len() as f64;
    let ratio = outcome.effect.estimate / mean;
    format!(" (the ratio of means is {ratio:.2})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_no_needless_digits() {
        assert_eq!(
            [0.95, 0.125, 1.0 - 2.0 * 0.05].map(percent),
            ["95", "12.5", "90"]
        );
    }

    #[test]
    fn no_p_says_why() {
        assert_eq!(
            p_or_reason(None),
            "no p as there is no variance between seeds"
        );
    }
}
