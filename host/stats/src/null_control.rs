//! The null control: odd against even draws of the same arm, which nothing should tell apart.

use serde::Serialize;

use crate::problems::average;
use crate::student::SeedMean;
use crate::undefined::{Undefined, all_finite};

/// Odd - even draws within seeds, over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NullControl {
    /// The mean difference over seeds; its interval should hold 0, and its p misses 0.05 in one run
    /// of twenty.
    pub mean: SeedMean,
    /// Seeds that were left out, as they have fewer than 2 draws.
    pub left_out: usize,
}

/// Compares the draws of each seed among themselves: the mean of the odd ones (the second, fourth, ...)
/// less the mean of the even ones (the first, third, ...), in the unit of the values, one slice of
/// draws per seed in draw order.
///
/// # Errors
/// Fewer than 2 seeds with 2 draws, or a value that is not finite.
pub fn null_control<S: AsRef<[f64]>>(seeds: &[S]) -> Result<NullControl, Undefined> {
    let mut differences = Vec::with_capacity(seeds.len());
    for draws in seeds.iter().map(AsRef::as_ref) {
        all_finite("draws", draws)?;
        let every_second =
            |from: usize| -> Vec<f64> { draws.iter().skip(from).step_by(2).copied().collect() };
        if draws.len() >= 2 {
            differences.push(average(&every_second(1)) - average(&every_second(0)));
        }
    }
    Ok(NullControl {
        mean: SeedMean::of(&differences)?,
        left_out: seeds.len() - differences.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_split_by_their_place() {
        let seeds = [
            vec![10.0, 14.0, 12.0],
            vec![7.0],
            vec![20.0, 15.0, 18.0, 17.0],
        ];
        let control = null_control(&seeds).unwrap();
        // 14 - 11 and 16 - 19.
        assert_eq!((control.mean.estimate, control.mean.n), (0.0, 2));
        assert!((control.mean.sd - 18.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(control.left_out, 1);
    }

    #[test]
    fn single_draws_tell_nothing() {
        let none = null_control(&[[1.0], [2.0], [3.0]]);
        assert_eq!(none, Err(Undefined::TooFewSeeds { n: 0 }));
        assert!(null_control(&[[1.0, f64::NAN], [2.0, 3.0]]).is_err());
    }
}
