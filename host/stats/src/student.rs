//! The mean over seeds with Student's t: interval and p from one procedure. `two_way` adds problems
//! that the seeds share.

use serde::Serialize;

use crate::interval::{Interval, tail_of};
use crate::tail::{t_above, t_quantile};
use crate::undefined::{Undefined, all_finite};

/// A spread below this share of the values' size is the rounding of averages, and counts as none.
const ROUNDING: f64 = 1e-12;

/// The mean of one value per seed, in the unit of the values (percentage points for effects).
///
/// `estimate = sum(x) / n`, `sd^2 = sum((x - estimate)^2) / (n - 1)`, `standard_error = sd / sqrt(n)`
/// and `t = estimate / standard_error` with `n - 1` degrees of freedom (Student 1908).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SeedMean {
    /// Mean over seeds.
    pub estimate: f64,
    /// Standard deviation between seeds; 0 where all seeds gave the same value.
    pub sd: f64,
    /// Standard error of the mean.
    pub standard_error: f64,
    /// Seeds.
    pub n: usize,
    /// Where the seeds share problems: what these add to the standard error.
    pub shared: Option<SharedProblems>,
}

/// Problems that all seeds were asked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SharedProblems {
    /// How many.
    pub n: usize,
    /// The part of the standard error that more seeds on the same problems would not lower:
    /// `sqrt(V_problem - V_cell)`, or 0.
    pub standard_error: f64,
}

/// The largest size of values.
pub(crate) fn largest(values: &[f64]) -> f64 {
    values
        .iter()
        .fold(0.0, |size: f64, value| size.max(value.abs()))
}

impl SeedMean {
    /// Summarises one value per seed.
    ///
    /// # Errors
    /// Fewer than 2 values, or a value that is not finite.
    pub fn of(values: &[f64]) -> Result<Self, Undefined> {
        Self::of_size(values, largest(values))
    }

    /// Summarises values that were computed from terms of about this `size`: what is left of them
    /// after cancellation is rounding, not spread.
    pub(crate) fn of_size(values: &[f64], size: f64) -> Result<Self, Undefined> {
        all_finite("values", values)?;
        let (Some(first), true) = (values.first(), values.len() >= 2) else {
            return Err(Undefined::TooFewSeeds { n: values.len() });
        };
        let n = values.len() as f64;
        let shift = values.iter().map(|value| value - first).sum::<f64>() / n;
        let estimate = first + shift;
        let squares = values.iter().map(|value| (value - first - shift).powi(2));
        let sd = (squares.sum::<f64>() / (n - 1.0)).sqrt();
        let flat = sd <= ROUNDING * size;
        let nothing = flat && estimate.abs() <= ROUNDING * size;
        let sd = if flat { 0.0 } else { sd };
        Ok(Self {
            estimate: if nothing { 0.0 } else { estimate },
            sd,
            standard_error: sd / n.sqrt(),
            n: values.len(),
            shared: None,
        })
    }

    /// The t interval: `estimate -+ t * standard_error`. Without variance both ends are the mean.
    ///
    /// # Errors
    /// A level outside (0, 1).
    pub fn interval(&self, level: f64) -> Result<Interval, Undefined> {
        let reach = t_quantile(tail_of(level)?, self.df()) * self.standard_error;
        Ok(Interval {
            low: self.estimate - reach,
            high: self.estimate + reach,
            level,
        })
    }

    /// Two-sided p of the mean against 0; it is at most `1 - level` just where the interval at
    /// `level` excludes 0.
    ///
    /// # Errors
    /// No variance between seeds, unless all values are 0, where p is 1.
    pub fn p(&self) -> Result<f64, Undefined> {
        Ok(self.t()?.map_or(1.0, |t| 2.0 * t_above(t.abs(), self.df())))
    }

    /// One-sided p of "the mean is above 0".
    ///
    /// # Errors
    /// No variance between seeds, unless all values are 0, where p is 1.
    pub fn p_above(&self) -> Result<f64, Undefined> {
        Ok(self.t()?.map_or(1.0, |t| t_above(t, self.df())))
    }

    /// One-sided p of "the mean is below 0".
    ///
    /// # Errors
    /// No variance between seeds, unless all values are 0, where p is 1.
    pub fn p_below(&self) -> Result<f64, Undefined> {
        Ok(self.t()?.map_or(1.0, |t| t_above(-t, self.df())))
    }

    /// The standard error that this many seeds would give, if the spread is as estimated.
    pub(crate) fn standard_error_with(&self, seeds: usize) -> f64 {
        let lasting = self
            .shared
            .map_or(0.0, |shared| shared.standard_error.powi(2));
        let passing = self.standard_error.powi(2) - lasting;
        (lasting + passing * self.n as f64 / seeds as f64).sqrt()
    }

    /// The degrees of freedom that this many seeds would give.
    pub(crate) fn df_with(&self, seeds: usize) -> f64 {
        let clusters = self.shared.map_or(seeds, |shared| seeds.min(shared.n));
        clusters as f64 - 1.0
    }

    fn df(&self) -> f64 {
        self.df_with(self.n)
    }

    /// The t statistic, none where all values are 0.
    fn t(&self) -> Result<Option<f64>, Undefined> {
        if self.standard_error > 0.0 {
            Ok(Some(self.estimate / self.standard_error))
        } else if self.estimate == 0.0 {
            Ok(None)
        } else {
            Err(Undefined::NoVariance)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_or_not_finite_is_undefined() {
        assert_eq!(SeedMean::of(&[]), Err(Undefined::TooFewSeeds { n: 0 }));
        assert_eq!(SeedMean::of(&[3.0]), Err(Undefined::TooFewSeeds { n: 1 }));
        assert!(matches!(
            SeedMean::of(&[1.0, f64::NAN]),
            Err(Undefined::NotFinite { index: 1, .. })
        ));
    }

    #[test]
    fn equal_seeds_have_an_estimate_but_no_p() {
        let mean = SeedMean::of(&[12.3; 7]).unwrap();
        assert_eq!((mean.estimate, mean.sd), (12.3, 0.0));
        let interval = mean.interval(0.95).unwrap();
        assert_eq!((interval.low, interval.high), (12.3, 12.3));
        assert_eq!(mean.p(), Err(Undefined::NoVariance));
        assert_eq!(mean.p_above(), Err(Undefined::NoVariance));
    }

    #[test]
    fn all_zero_is_no_evidence() {
        let mean = SeedMean::of(&[0.0; 4]).unwrap();
        assert_eq!(
            (mean.p(), mean.p_above(), mean.p_below()),
            (Ok(1.0), Ok(1.0), Ok(1.0))
        );
    }

    #[test]
    fn rounding_is_no_variance() {
        let mean = SeedMean::of(&[0.1 + 0.2, 0.3, 0.3]).unwrap();
        assert_eq!(mean.p(), Err(Undefined::NoVariance));
        let left_over = SeedMean::of_size(&[1e-14, -2e-14, 0.0], 100.0).unwrap();
        assert_eq!((left_over.estimate, left_over.p()), (0.0, Ok(1.0)));
    }

    #[test]
    fn one_sided_ps_add_up_to_1() {
        let mean = SeedMean::of(&[4.0, -1.0, 6.5, 2.0]).unwrap();
        let sum = mean.p_above().unwrap() + mean.p_below().unwrap();
        assert!((sum - 1.0).abs() < 1e-15);
        assert!((mean.p().unwrap() - 2.0 * mean.p_above().unwrap()).abs() < 1e-15);
    }
}
