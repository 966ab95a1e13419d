//! Fieller's interval for a ratio of two means over the same seeds. For display: verdicts rest on the
//! contrasts that `judge` tests.

use serde::Serialize;

use crate::interval::tail_of;
use crate::student::SeedMean;
use crate::tail::t_quantile;
use crate::undefined::Undefined;

/// The ratios that the seeds don't rule out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RatioInterval {
    /// All from `low` to `high`.
    Closed {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// The denominator may be 0: all up to `below` and all from `above`, not those between. Either
    /// end may be infinite, where that half is empty.
    Outside {
        /// Upper end of the lower half.
        below: f64,
        /// Lower end of the upper half.
        above: f64,
    },
    /// Both means may be 0: no ratio is ruled out.
    WholeLine,
}

/// The ratio of the mean of `numerator` to that of `denominator`, one value per seed each, in the same
/// order (Fieller 1954): all r for which the t interval of `x - r y` over seeds holds 0, that is
/// `A r^2 - 2 B r + C <= 0` with `A = my^2 - t^2 vyy`, `B = mx my - t^2 vxy`, `C = mx^2 - t^2 vxx`, v
/// the (co)variances of the means and t with n - 1 degrees of freedom.
///
/// # Errors
/// Fewer than 2 seeds, series of different lengths, values that are not finite, or a level outside
/// (0, 1).
pub fn fieller(
    numerator: &[f64],
    denominator: &[f64],
    level: f64,
) -> Result<RatioInterval, Undefined> {
    let (treated, full) = (SeedMean::of(numerator)?, SeedMean::of(denominator)?);
    if treated.n != full.n {
        return Err(Undefined::SeedsDiffer {
            what: "denominator",
            expected: treated.n,
            got: full.n,
        });
    }
    let df = treated.n as f64 - 1.0;
    let square = t_quantile(tail_of(level)?, df).powi(2);
    let (mx, my) = (treated.estimate, full.estimate);
    let products = numerator.iter().zip(denominator);
    let vxy = products.map(|(x, y)| (x - mx) * (y - my)).sum::<f64>() / (df * (df + 1.0));
    let (vxx, vyy) = (treated.standard_error.powi(2), full.standard_error.powi(2));
    // b^2 - a c, written so that the squares of the means don't have to cancel.
    let spread = mx * mx * vyy - 2.0 * mx * my * vxy + my * my * vxx;
    let discriminant = square * (spread - square * (vxx * vyy - vxy * vxy));
    Ok(roots(
        my * my - square * vyy,
        mx * my - square * vxy,
        mx * mx - square * vxx,
        discriminant,
    ))
}

/// Where `a r^2 - 2 b r + c <= 0`.
fn roots(a: f64, b: f64, c: f64, discriminant: f64) -> RatioInterval {
    if a == 0.0 {
        let end = c / (2.0 * b);
        let (below, above) = match b {
            b if b > 0.0 => (f64::NEG_INFINITY, end),
            b if b < 0.0 => (end, f64::INFINITY),
            _ => return RatioInterval::WholeLine,
        };
        return RatioInterval::Outside { below, above };
    }
    if a < 0.0 && discriminant <= 0.0 {
        return RatioInterval::WholeLine;
    }
    // The root that doesn't cancel, and the other by the product of both.
    let far = b + b.signum() * discriminant.max(0.0).sqrt();
    let (one, other) = (far / a, if far == 0.0 { 0.0 } else { c / far });
    let (low, high) = (one.min(other), one.max(other));
    if a > 0.0 {
        RatioInterval::Closed { low, high }
    } else {
        RatioInterval::Outside {
            below: low,
            above: high,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_where_the_contrast_touches_0() {
        let (x, y) = ([14.0, 19.0, 15.0, 12.0], [28.0, 35.0, 31.0, 26.0]);
        let Ok(RatioInterval::Closed { low, high }) = fieller(&x, &y, 0.9) else {
            panic!("not closed");
        };
        for (ratio, upper) in [(low, true), (high, false)] {
            let contrast: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x - ratio * y).collect();
            let interval = SeedMean::of(&contrast).unwrap().interval(0.9).unwrap();
            let end = if upper { interval.low } else { interval.high };
            assert!(end.abs() < 1e-10, "{interval:?}");
        }
        assert!(low < 0.5 && 0.5 < high);
    }

    #[test]
    fn an_unclear_denominator_is_unbounded() {
        let unclear = [9.0, -4.0, 6.0, -2.0];
        let clear = [30.0, 33.0, 28.0, 31.0];
        let Ok(RatioInterval::Outside { below, above }) = fieller(&clear, &unclear, 0.95) else {
            panic!("not outside");
        };
        assert!(below < 0.0 && above > 0.0);
        let nothing = [5.0, -6.0, -4.0, 7.0];
        assert_eq!(
            fieller(&nothing, &unclear, 0.95),
            Ok(RatioInterval::WholeLine)
        );
    }

    #[test]
    fn exact_shares_are_a_point() {
        let y = [28.0, 35.0, 31.0];
        let half = y.map(|full| full / 2.0);
        let Ok(RatioInterval::Closed { low, high }) = fieller(&half, &y, 0.95) else {
            panic!("not closed");
        };
        assert!((low - 0.5).abs() < 1e-6 && (high - 0.5).abs() < 1e-6);
    }

    #[test]
    fn a_denominator_on_the_edge_is_half_a_line() {
        assert_eq!(
            roots(0.0, 2.0, 8.0, 4.0),
            RatioInterval::Outside {
                below: f64::NEG_INFINITY,
                above: 2.0
            }
        );
        assert_eq!(
            roots(0.0, -2.0, 8.0, 4.0),
            RatioInterval::Outside {
                below: -2.0,
                above: f64::INFINITY
            }
        );
        assert_eq!(roots(0.0, 0.0, -1.0, 0.0), RatioInterval::WholeLine);
    }
}
