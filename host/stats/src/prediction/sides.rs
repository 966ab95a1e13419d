//! What an expectation needs above 0: contrasts of the effect with its margins, formed value by value.

use super::{Evidence, Expectation, Margin, Tails};
use crate::problems::whole_seeds;
use crate::student::SeedMean;
use crate::undefined::{Undefined, all_finite, in_range};

/// The level at which core's effect must be clear of 0 before a share of it is a margin.
const CORE_LEVEL: f64 = 0.95;

/// The contrasts of an expectation, in the layout of the evidence.
pub(super) struct Contrasts {
    /// All of them must be above 0 for success.
    pub required: Vec<Vec<f64>>,
    pub tails: Tails,
}

/// The contrasts of an expectation, summarised over seeds.
pub(super) struct Sides {
    /// All of them must be above 0 for success.
    pub required: Vec<SeedMean>,
    /// One of them wholly below 0 contradicts the expectation.
    pub refuting: Vec<SeedMean>,
    pub tails: Tails,
}

/// Builds and summarises the contrasts, after checking that they can be tested.
pub(super) fn sides(
    expectation: &Expectation,
    evidence: &Evidence,
    smallest: &Margin,
) -> Result<Sides, Undefined> {
    check_margin(smallest, "smallest effect that counts")?;
    let Contrasts { required, tails } = contrasts(expectation, evidence)?;
    let means = |series: &[Vec<f64>]| -> Result<Vec<SeedMean>, Undefined> {
        series.iter().map(|values| evidence.mean(values)).collect()
    };
    let refuting = match tails {
        Tails::One => means(&required)?,
        Tails::Two => means(&[short_of(&required[0], evidence, smallest)])?,
    };
    Ok(Sides {
        required: means(&required)?,
        refuting,
        tails,
    })
}

/// What an expectation needs above 0, after checking that it can be tested.
pub(super) fn contrasts(
    expectation: &Expectation,
    evidence: &Evidence,
) -> Result<Contrasts, Undefined> {
    check_series(evidence)?;
    check_expectation(expectation)?;
    let x = evidence.effects;
    let (required, tails) = match expectation {
        Expectation::Greater => (vec![x.to_vec()], Tails::Two),
        Expectation::Less => (vec![combine(-1.0, x, 0.0, x)], Tails::Two),
        Expectation::Equivalent(margin) => {
            let bound = margin.values(evidence)?;
            let sides = vec![combine(1.0, x, 1.0, &bound), combine(-1.0, x, 1.0, &bound)];
            (sides, Tails::One)
        }
        Expectation::NonInferior(margin) => {
            let bound = margin.values(evidence)?;
            (vec![combine(1.0, x, 1.0, &bound)], Tails::One)
        }
        Expectation::RatioWithin { low, high } => (ratio(evidence, *low, *high)?, Tails::One),
    };
    Ok(Contrasts { required, tails })
}

/// `y - smallest`, which refutes `y > 0` where it is below 0; where core's effect isn't known to be
/// above 0, a share of it promises nothing, and only `y` itself can refute.
fn short_of(y: &[f64], evidence: &Evidence, smallest: &Margin) -> Vec<f64> {
    match smallest.values(evidence) {
        Ok(bound) => combine(1.0, y, -1.0, &bound),
        Err(_) => y.to_vec(),
    }
}

fn ratio(evidence: &Evidence, low: f64, high: f64) -> Result<Vec<Vec<f64>>, Undefined> {
    let full = evidence.reference.ok_or(Undefined::MissingReference)?;
    if let Some((low, high)) = unclear(evidence, full)? {
        return Err(Undefined::ReferenceNotClear { low, high });
    }
    let mut required = vec![combine(1.0, evidence.effects, -low, full)];
    if high.is_finite() {
        required.push(combine(-1.0, evidence.effects, high, full));
    }
    Ok(required)
}

impl Margin {
    /// The margin for each value of the effects, percentage points.
    fn values(&self, evidence: &Evidence) -> Result<Vec<f64>, Undefined> {
        match self {
            Self::Points(points) => Ok(vec![*points; evidence.effects.len()]),
            Self::CoreShare(share) => {
                let core = evidence.core.ok_or(Undefined::MissingCore)?;
                if let Some((low, high)) = unclear(evidence, core)? {
                    return Err(Undefined::CoreNotClear { low, high });
                }
                Ok(core.iter().map(|effect| share * effect).collect())
            }
        }
    }
}

/// The 95% interval of an effect that is not clearly above 0; none where it is.
fn unclear(evidence: &Evidence, effects: &[f64]) -> Result<Option<(f64, f64)>, Undefined> {
    let interval = evidence.mean(effects)?.interval(CORE_LEVEL)?;
    Ok((interval.low <= 0.0).then_some((interval.low, interval.high)))
}

/// `a x + b y`, value by value.
fn combine(a: f64, x: &[f64], b: f64, y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| a * x + b * y).collect()
}

fn check_series(evidence: &Evidence) -> Result<(), Undefined> {
    let each = evidence.problems.values_per_seed();
    all_finite("effects", evidence.effects)?;
    let expected = whole_seeds(evidence.effects.len(), each)?;
    let others = [
        ("core's effects", evidence.core),
        ("full effects", evidence.reference),
    ];
    for (what, series) in others.into_iter().filter_map(|(what, s)| Some((what, s?))) {
        all_finite(what, series)?;
        let got = whole_seeds(series.len(), each)?;
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
            let range = "more than the lower ratio";
            in_range("upper ratio", range, *high, high > low)
        }
    }
}

fn check_margin(margin: &Margin, what: &'static str) -> Result<(), Undefined> {
    let (Margin::Points(size) | Margin::CoreShare(size)) = *margin;
    in_range(what, "0 or more", size, size.is_finite() && size >= 0.0)
}
