//! The power of the tests that `judge` makes, by the noncentral t: how many seeds they take.

use crate::noncentral::noncentral_t_below;
use crate::student::SeedMean;
use crate::tail::t_quantile;

/// The power that a planned number of seeds should have.
pub(crate) const POWER: f64 = 0.8;
/// Beyond this many seeds nobody would go.
const MOST_SEEDS: usize = 1 << 20;

/// The least number of seeds at which every contrast is found above 0 with 80% power, if the true
/// mean and spread are as estimated; `tail` is the one-sided level of each test.
///
/// With n seeds a contrast is missed with the probability that a noncentral t stays below the critical
/// value (Cohen 1988); for two contrasts the probabilities of missing are added (Bonferroni), which
/// makes the answer an upper bound. Shared problems keep their part of the variance whatever the
/// seeds. None where a mean is not above 0, where there is no spread to plan with, or beyond about a
/// million seeds.
pub fn seeds_for_power(contrasts: &[SeedMean], tail: f64) -> Option<usize> {
    let plannable = |contrast: &SeedMean| contrast.estimate > 0.0 && contrast.standard_error > 0.0;
    if contrasts.is_empty() || !contrasts.iter().all(plannable) || !(tail > 0.0 && tail < 0.5) {
        return None;
    }
    least_seeds(|seeds| {
        let miss = |contrast: &SeedMean| {
            let away = contrast.estimate / contrast.standard_error_with(seeds);
            missed(away, contrast.df_with(seeds), tail)
        };
        contrasts.iter().map(miss).sum::<f64>() <= 1.0 - POWER
    })
}

/// The probability that a contrast whose mean lies `away` standard errors above 0 is not found.
pub(crate) fn missed(away: f64, df: f64, tail: f64) -> f64 {
    noncentral_t_below(t_quantile(tail, df), df, away)
}

/// The least number of seeds, from 2, that is `enough`; more must stay enough.
pub(crate) fn least_seeds(enough: impl Fn(usize) -> bool) -> Option<usize> {
    let mut high = 2;
    while !enough(high) {
        high *= 2;
        if high > MOST_SEEDS {
            return None;
        }
    }
    let mut low = high / 2;
    while high > 2 && high - low > 1 {
        let middle = usize::midpoint(low, high);
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::student::SharedProblems;

    fn contrast(estimate: f64, sd: f64) -> SeedMean {
        SeedMean {
            estimate,
            sd,
            standard_error: sd / 2.0,
            n: 4,
            shared: None,
        }
    }

    #[test]
    fn the_textbook_size_of_half_a_deviation() {
        // G*Power and statsmodels: 34 for d = 0.5, alpha 0.05 two-sided, power 0.8.
        let seeds = seeds_for_power(&[contrast(5.0, 10.0)], 0.025);
        assert_eq!(seeds, Some(34));
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
    fn seeds_do_not_make_up_for_few_problems() {
        let shared = |standard_error| SeedMean {
            shared: Some(SharedProblems {
                n: 30,
                standard_error,
            }),
            ..contrast(5.0, 10.0)
        };
        let (none, some) = (shared(0.0), shared(1.0));
        let seeds = |one| seeds_for_power(&[one], 0.025);
        assert!(seeds(none) < seeds(some), "{:?}", seeds(some));
        // The problems alone leave a standard error of 4 points: 5 points can't be found.
        assert_eq!(seeds(shared(4.0)), None);
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
