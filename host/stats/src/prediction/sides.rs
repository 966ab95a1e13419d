//! What an expectation needs above 0: per-seed contrasts of the effect with its margins.

use super::{Evidence, Expectation, Margin, Tails};
use crate::student::SeedMean;
use crate::undefined::{Undefined, all_finite, in_range};

/// The level at which core's effect must be clear of 0 before a share of it is a margin.
const CORE_LEVEL: f64 = 0.95;
/// The size of the terms of every contrast, for telling spread from rounding: effects are differences
/// of percentages.
const PERCENT: f64 = 100.0;

/// The contrasts of an expectation, summarised over seeds.
pub(super) struct Sides {
    /// All of them must be above 0 for success.
    pub required: Vec<SeedMean>,
    /// One of them wholly below 0 contradicts the expectation.
    pub refuting: Vec<SeedMean>,
    pub tails: Tails,
}

/// Builds the contrasts, after checking that they can be tested.
pub(super) fn sides(
    expectation: &Expectation,
    evidence: &Evidence,
    smallest: &Margin,
) -> Result<Sides, Undefined> {
    check_series(evidence)?;
    check_expectation(expectation)?;
    check_margin(smallest, "smallest effect that counts")?;
    let x = evidence.effects;
    match expectation {
        Expectation::Greater => directed(x, evidence, smallest),
        Expectation::Less => directed(&combine(-1.0, x, 0.0, x), evidence, smallest),
        Expectation::Equivalent(margin) => {
            let bound = margin.per_seed(evidence)?;
            one_sided(&[combine(1.0, x, 1.0, &bound), combine(-1.0, x, 1.0, &bound)])
        }
        Expectation::NonInferior(margin) => {
            one_sided(&[combine(1.0, x, 1.0, &margin.per_seed(evidence)?)])
        }
        Expectation::RatioWithin { low, high } => ratio(evidence, *low, *high),
    }
}

/// Summary of a series in points, blind to rounding.
pub(super) fn summary(values: &[f64]) -> Result<SeedMean, Undefined> {
    SeedMean::of_size(values, PERCENT)
}

/// `y > 0`, refuted by `y - smallest < 0`; where core's effect isn't known to be above 0, a share of
/// it promises nothing, and only `y < 0` refutes.
fn directed(y: &[f64], evidence: &Evidence, smallest: &Margin) -> Result<Sides, Undefined> {
    let short = match smallest.per_seed(evidence) {
        Ok(bound) => combine(1.0, y, -1.0, &bound),
        Err(_) => y.to_vec(),
    };
    Ok(Sides {
        required: vec![summary(y)?],
        refuting: vec![summary(&short)?],
        tails: Tails::Two,
    })
}

fn one_sided(contrasts: &[Vec<f64>]) -> Result<Sides, Undefined> {
    let required = contrasts
        .iter()
        .map(|values| summary(values))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Sides {
        refuting: required.clone(),
        required,
        tails: Tails::One,
    })
}

fn ratio(evidence: &Evidence, low: f64, high: f64) -> Result<Sides, Undefined> {
    let full = evidence.reference.ok_or(Undefined::MissingReference)?;
    if let Some((low, high)) = unclear(full)? {
        return Err(Undefined::ReferenceNotClear { low, high });
    }
    let above = combine(1.0, evidence.effects, -low, full);
    if high.is_infinite() {
        return one_sided(&[above]);
    }
    one_sided(&[above, combine(-1.0, evidence.effects, high, full)])
}

impl Margin {
    /// The margin in each seed, percentage points.
    fn per_seed(&self, evidence: &Evidence) -> Result<Vec<f64>, Undefined> {
        match self {
            Self::Points(points) => Ok(vec![*points; evidence.effects.len()]),
            Self::CoreShare(share) => {
                let core = evidence.core.ok_or(Undefined::MissingCore)?;
                if let Some((low, high)) = unclear(core)? {
                    return Err(Undefined::CoreNotClear { low, high });
                }
                Ok(core.iter().map(|effect| share * effect).collect())
            }
        }
    }
}

/// The 95% interval of an effect that is not clearly above 0; none where it is.
fn unclear(effects: &[f64]) -> Result<Option<(f64, f64)>, Undefined> {
    let interval = summary(effects)?.interval(CORE_LEVEL)?;
    Ok((interval.low <= 0.0).then_some((interval.low, interval.high)))
}

/// `a x + b y`, seed by seed.
fn combine(a: f64, x: &[f64], b: f64, y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| a * x + b * y).collect()
}

fn check_series(evidence: &Evidence) -> Result<(), Undefined> {
    all_finite("effects", evidence.effects)?;
    let others = [
        ("core's effects", evidence.core),
        ("full effects", evidence.reference),
    ];
    for (what, series) in others.into_iter().filter_map(|(what, s)| Some((what, s?))) {
        all_finite(what, series)?;
        let (expected, got) = (evidence.effects.len(), series.len());
        if expected != got {
            return Err(Undefined::SeedsDiffer {
                what,
                expected,
                got,
            });
        }
    }
    Ok(())
}

fn check_expectation(expectation: &Expectation) -> Result<(), Undefined> {
    match expectation {
        Expectation::Greater | Expectation::Less => Ok(()),
        Expectation::Equivalent(margin) | Expectation::NonInferior(margin) => {
            check_margin(margin, "margin")
        }
        Expectation::RatioWithin { low, high } => {
            in_range("lower ratio", "a finite number", *low, low.is_finite())?;
            in_range(
                "upper ratio",
                "more than the lower ratio",
                *high,
                high > low,
            )
        }
    }
}

fn check_margin(margin: &Margin, what: &'static str) -> Result<(), Undefined> {
    let (Margin::Points(size) | Margin::CoreShare(size)) = *margin;
    in_range(what, "0 or more", size, size.is_finite() && size >= 0.0)
}
