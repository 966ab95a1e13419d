//! The sign-flip permutation test over seeds: a check on t that assumes symmetry and no shape.

use rand_chacha::rand_core::RngCore;
use serde::Serialize;

use crate::prediction::Tails;
use crate::resample::Resampling;
use crate::undefined::{Undefined, all_finite};

/// Up to this many seeds all assignments of signs are looked at.
const EXACT_UP_TO: usize = 20;
/// Sums that differ by less than this share of all values are tied.
const TIE: f64 = 1e-12;

/// The outcome of a sign-flip test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SignFlip {
    /// Share of the sign assignments whose mean is at least as far out, the observed one among them.
    pub p: f64,
    /// The smallest p that this many seeds can give.
    pub smallest: f64,
    /// Whether all assignments were looked at.
    pub exact: bool,
}

impl SignFlip {
    /// Tests one value per seed against symmetry around 0 (Fisher 1935, section 21).
    ///
    /// Up to 20 seeds all `2^n` signs are counted: `p = hits / 2^n`, and no p is under `2^-n`
    /// one-sided or `2^(1-n)` two-sided. Past that `resampling` draws signs, and
    /// `p = (hits + 1) / (resamples + 1)` (Phipson and Smyth 2010).
    ///
    /// # Errors
    /// No values, or one that is not finite.
    pub fn of(values: &[f64], tails: Tails, resampling: Resampling) -> Result<Self, Undefined> {
        all_finite("values", values)?;
        let n = values.len();
        if n == 0 {
            return Err(Undefined::TooFewSeeds { n });
        }
        let sum: f64 = values.iter().sum();
        let slack = TIE * values.iter().map(|value| value.abs()).sum::<f64>();
        let (reach, sides) = match tails {
            Tails::One => (sum - slack, 1.0),
            Tails::Two => (sum.abs() - slack, 2.0),
        };
        let of_signs = (sides * 0.5_f64.powi(n as i32)).min(1.0);
        if n <= EXACT_UP_TO {
            return Ok(Self {
                // Signs mirror, so both tails are twice one: all of them where nothing is nearer.
                p: (count_from(values, reach) as f64 * of_signs).min(1.0),
                smallest: of_signs,
                exact: true,
            });
        }
        let drawn = resampling.run(|random| {
            let flipped = flipped_sum(values, random);
            flipped >= reach || (tails == Tails::Two && -flipped >= reach)
        });
        let hits = drawn.into_iter().filter(|hit| *hit).count();
        let drawn = resampling.resamples as f64 + 1.0;
        Ok(Self {
            p: (hits as f64 + 1.0) / drawn,
            smallest: of_signs.max(1.0 / drawn),
            exact: false,
        })
    }
}

/// How many of all assignments of signs have a sum of at least `reach`: every sum of one half of the
/// values meets the sorted sums of the other.
fn count_from(values: &[f64], reach: f64) -> usize {
    let (one, other) = values.split_at(values.len() / 2);
    let mut sums = signed_sums(other);
    sums.sort_by(f64::total_cmp);
    let enough = |sum: f64| sums.len() - sums.partition_point(|more| sum + more < reach);
    signed_sums(one).into_iter().map(enough).sum()
}

/// The sums of all assignments of signs.
fn signed_sums(values: &[f64]) -> Vec<f64> {
    values.iter().fold(vec![0.0], |sums, value| {
        sums.iter()
            .flat_map(|sum| [sum + value, sum - value])
            .collect()
    })
}

fn flipped_sum(values: &[f64], random: &mut impl RngCore) -> f64 {
    let signed = |chunk: &[f64]| -> f64 {
        let bits = random.next_u64();
        let sign = |place: usize| if bits >> place & 1 == 0 { 1.0 } else { -1.0 };
        let chunk = chunk.iter().enumerate();
        chunk.map(|(place, value)| sign(place) * value).sum()
    };
    values.chunks(64).map(signed).sum()
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "shares of powers of two are exact")]
mod tests {
    use super::*;

    fn two_sided(values: &[f64]) -> SignFlip {
        SignFlip::of(values, Tails::Two, Resampling::keyed(1)).unwrap()
    }

    #[test]
    fn all_positive_gives_the_smallest_p() {
        for n in [1, 2, 3, 8, 20] {
            let values: Vec<f64> = (1..=n).map(f64::from).collect();
            let test = two_sided(&values);
            assert_eq!((test.p, test.exact), (0.5_f64.powi(n - 1), true));
            assert_eq!(test.p, test.smallest);
            let one = SignFlip::of(&values, Tails::One, Resampling::keyed(1)).unwrap();
            assert_eq!((one.p, one.smallest), (0.5_f64.powi(n), 0.5_f64.powi(n)));
        }
    }

    #[test]
    fn zeros_are_no_evidence() {
        assert_eq!(two_sided(&[0.0; 5]).p, 1.0);
        assert_eq!(two_sided(&[-2.0, 2.0]).p, 1.0);
        assert_eq!(two_sided(&[0.0; 30]).p, 1.0);
    }

    #[test]
    fn the_wrong_side_has_a_large_one_sided_p() {
        let test = SignFlip::of(&[-1.0, -2.0, -3.0], Tails::One, Resampling::keyed(1)).unwrap();
        assert_eq!(test.p, 1.0);
    }

    #[test]
    fn drawn_signs_come_near_all_signs() {
        let values: Vec<f64> = (0..21).map(|i| f64::from(i * 7 % 11) - 4.0).collect();
        let drawn = two_sided(&values);
        assert!(!drawn.exact && drawn.smallest == 1e-4);
        let slack = 1e-9;
        let reach = values.iter().sum::<f64>().abs() - slack;
        let all = 2.0 * count_from(&values, reach) as f64 / 2.0_f64.powi(21);
        assert!((drawn.p - all).abs() < 0.02, "{} is not {all}", drawn.p);
        assert!(drawn.p > 0.0001);
        let threads = Resampling {
            threads: 3,
            ..Resampling::keyed(1)
        };
        assert_eq!(SignFlip::of(&values, Tails::Two, threads).unwrap(), drawn);
    }
}
