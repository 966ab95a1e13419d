//! What an expectation has to find, as contrasts of a known size.

use super::Quantity;
use crate::power::missed;
use crate::prediction::{Expectation, Margin, Tails};
use crate::undefined::{Undefined, in_range};

/// The contrasts of an expectation: mean per point of the quantity, standard error per that of one
/// effect.
pub(super) struct Aim {
    contrasts: Vec<(f64, f64)>,
    pub(super) tails: Tails,
    pub(super) of: Quantity,
}

impl Aim {
    pub(super) fn of(expectation: &Expectation) -> Result<Self, Undefined> {
        let (contrasts, tails, of) = match *expectation {
            Expectation::Greater | Expectation::Less => {
                (vec![(1.0, 1.0)], Tails::Two, Quantity::Effect)
            }
            Expectation::Equivalent(margin) => {
                let (contrast, of) = side(margin)?;
                (vec![contrast; 2], Tails::One, of)
            }
            Expectation::NonInferior(margin) => {
                let (contrast, of) = side(margin)?;
                (vec![contrast], Tails::One, of)
            }
            Expectation::RatioWithin { low, high } => {
                (ratio(low, high)?, Tails::One, Quantity::FullEffect)
            }
        };
        Ok(Self {
            contrasts,
            tails,
            of,
        })
    }

    /// The probability that a true quantity of `points` is missed, or an upper bound of it; `error` is
    /// the standard error of one effect.
    pub(super) fn missed(&self, points: f64, error: f64, df: f64, tail: f64) -> f64 {
        let miss = |(mean, spread): &(f64, f64)| missed(mean * points / (spread * error), df, tail);
        if error > 0.0 {
            self.contrasts.iter().map(miss).sum()
        } else {
            0.0
        }
    }
}

/// `x + margin` where the true x is 0.
fn side(margin: Margin) -> Result<((f64, f64), Quantity), Undefined> {
    match margin {
        Margin::Points(_) => Ok(((1.0, 1.0), Quantity::Margin)),
        Margin::CoreShare(share) => {
            in_range("margin", "above 0", share, share > 0.0 && share.is_finite())?;
            Ok(((share, spread(share)), Quantity::CoreEffect))
        }
    }
}

/// `x - low full` and `high full - x`, per point of the full effect.
fn ratio(low: f64, high: f64) -> Result<Vec<(f64, f64)>, Undefined> {
    let sound = low.is_finite() && high > low;
    if high.is_finite() {
        in_range("upper ratio", "more than the lower ratio", high, sound)?;
        let half = (high - low) / 2.0;
        return Ok(vec![(half, spread(low)), (half, spread(high))]);
    }
    let range = "below 1 without an upper ratio";
    in_range("lower ratio", range, low, sound && low < 1.0)?;
    Ok(vec![(1.0 - low, spread(low))])
}

/// Standard error of `x + share y`, per that of x and y each.
pub(super) fn spread(share: f64) -> f64 {
    (1.0 + share * share).sqrt()
}
