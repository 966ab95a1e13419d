//! Paired differences as they were measured: by seed, draw and problem.

use crate::problems::{Problems, whole_seeds};
use crate::student::SeedMean;
use crate::undefined::{Undefined, all_finite};

/// Differences treated - control of single problems, percentage points (-100, 0 or 100 for answers
/// that are right or wrong): a full table, seed by seed, in it draw by draw, in it problem by problem.
/// The draws of a seed share its problems. Where seeds have different numbers of draws, the host
/// passes as many of each as the fewest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured<'a> {
    /// `seeds * draws * problems` differences.
    pub values: &'a [f64],
    /// Draws of each seed.
    pub draws: usize,
    /// Problems of each seed.
    pub problems: usize,
    /// Whether all seeds share their problems, in the same order.
    pub shared: bool,
}

impl Measured<'_> {
    /// The mean over seeds as `judge` takes it: two-way where problems are shared.
    ///
    /// # Errors
    /// A table that is not full, a value that is not finite, fewer than 2 seeds, or fewer than 2
    /// shared problems.
    pub fn mean(&self) -> Result<SeedMean, Undefined> {
        let cells = self.cells()?;
        if self.shared {
            Problems::Shared(self.problems).mean(&cells)
        } else {
            Problems::Own.mean(&Problems::Shared(self.problems).seed_means(&cells)?)
        }
    }

    /// Seeds, after checking that the table is full and finite.
    pub(crate) fn seeds(&self) -> Result<usize, Undefined> {
        all_finite("differences", self.values)?;
        whole_seeds(self.values.len(), self.draws * self.problems)
    }

    /// Averages over draws: one value per seed and problem, seed by seed.
    pub(crate) fn cells(&self) -> Result<Vec<f64>, Undefined> {
        let seeds = self.seeds()?;
        let mut cells = vec![0.0; seeds * self.problems];
        let of_seeds = self.values.chunks(self.draws * self.problems);
        for (of_seed, sums) in of_seeds.zip(cells.chunks_mut(self.problems)) {
            for draw in of_seed.chunks(self.problems) {
                for (sum, value) in sums.iter_mut().zip(draw) {
                    *sum += value / self.draws as f64;
                }
            }
        }
        Ok(cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two seeds, two draws, three problems.
    const VALUES: [f64; 12] = [
        100.0, 0.0, 0.0, 0.0, 0.0, 100.0, //
        100.0, 100.0, 0.0, 100.0, 0.0, 0.0,
    ];

    fn measured(shared: bool) -> Measured<'static> {
        Measured {
            values: &VALUES,
            draws: 2,
            problems: 3,
            shared,
        }
    }

    #[test]
    fn draws_are_averaged_within_seed_and_problem() {
        let cells = measured(true).cells().unwrap();
        assert_eq!(cells, [50.0, 0.0, 50.0, 100.0, 50.0, 0.0]);
        let own = measured(false).mean().unwrap();
        assert!((own.estimate - 125.0 / 3.0).abs() < 1e-12);
        assert_eq!((own.n, own.shared), (2, None));
        assert_eq!(measured(true).mean().unwrap().shared.unwrap().n, 3);
    }

    #[test]
    fn a_missing_value_is_refused() {
        let short = Measured {
            values: &VALUES[1..],
            ..measured(false)
        };
        let error = Undefined::Ragged {
            values: 11,
            each: 6,
        };
        assert_eq!(short.mean(), Err(error));
    }
}
