//! How many seeds a test would take. Power by simulation, and minimum detectable effects, belong
//! here too.

use crate::student::SeedMean;
use crate::tail::{t_above, t_quantile};

/// The power that a planned number of seeds should have.
const POWER: f64 = 0.8;
/// Beyond this many seeds nobody would go.
const MOST_SEEDS: usize = 1 << 20;

/// The least number of seeds at which every contrast is found above 0 with 80% power, if the true
/// mean and spread are as estimated; `tail` is the one-sided level of each test.
///
/// A contrast of mean d and spread s is missed with probability `P(T > d sqrt(n)/s - t)` where t is
/// the critical value, T with n - 1 degrees of freedom: for a single contrast this is the usual
/// iteration of `n >= ((t_tail + t_0.2) s / d)^2` (Snedecor and Cochran 1989, section 6.14); for two
/// the probabilities of missing are added (Bonferroni). None where a mean is not above 0, where there
/// is no spread to plan with, or beyond about a million seeds.
pub fn seeds_for_power(contrasts: &[SeedMean], tail: f64) -> Option<usize> {
    let plannable = |contrast: &SeedMean| contrast.estimate > 0.0 && contrast.sd > 0.0;
    if contrasts.is_empty() || !contrasts.iter().all(plannable) || !(tail > 0.0 && tail < 0.5) {
        return None;
    }
    let enough = |n: usize| missed(contrasts, tail, n) <= 1.0 - POWER;
    let mut high = 2;
    while !enough(high) {
        high *= 2;
        if high > MOST_SEEDS {
            return None;
        }
    }
    Some(least(high / 2, high, enough))
}

/// An upper bound of the probability that some contrast is missed with `n` seeds.
fn missed(contrasts: &[SeedMean], tail: f64, n: usize) -> f64 {
    let df = n as f64 - 1.0;
    let critical = t_quantile(tail, df);
    let miss = |contrast: &SeedMean| {
        t_above(
            contrast.estimate * (n as f64).sqrt() / contrast.sd - critical,
            df,
        )
    };
    contrasts.iter().map(miss).sum()
}

/// The least n within (low, high] for which `enough` holds, or `high` itself if it is 2.
fn least(mut low: usize, mut high: usize, enough: impl Fn(usize) -> bool) -> usize {
    while high - low > 1 && high > 2 {
        let middle = usize::midpoint(low, high);
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(estimate: f64, sd: f64) -> SeedMean {
        SeedMean {
            estimate,
            sd,
            standard_error: sd / 2.0,
            n: 4,
        }
    }

    #[test]
    fn the_textbook_size_of_half_a_deviation() {
        // The noncentral t gives 34 for d = 0.5, alpha 0.05 two-sided, power 0.8.
        let seeds = seeds_for_power(&[contrast(5.0, 10.0)], 0.025).unwrap();
        assert!((33..=35).contains(&seeds), "{seeds}");
    }

    #[test]
    fn two_contrasts_need_more_than_one() {
        let one = seeds_for_power(&[contrast(5.0, 10.0)], 0.05);
        let two = seeds_for_power(&[contrast(5.0, 10.0), contrast(5.0, 10.0)], 0.05);
        assert!(one < two);
    }

    #[test]
    fn a_huge_effect_needs_two_seeds() {
        assert_eq!(seeds_for_power(&[contrast(1000.0, 1.0)], 0.025), Some(2));
    }

    #[test]
    fn wrong_side_no_spread_or_hopeless_is_none() {
        for hopeless in [
            contrast(-5.0, 10.0),
            contrast(5.0, 0.0),
            contrast(1e-9, 10.0),
        ] {
            assert_eq!(seeds_for_power(&[hopeless], 0.025), None);
        }
        assert_eq!(seeds_for_power(&[], 0.025), None);
    }
}
