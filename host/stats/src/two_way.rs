//! The mean over seeds that share problems: clustered by seed and by problem.

use crate::problems::{average, whole_seeds};
use crate::student::{SeedMean, SharedProblems, largest};
use crate::undefined::{Undefined, all_finite};

impl SeedMean {
    /// Summarises one value per seed and shared problem (`cells`, seed by seed; averaged over draws),
    /// clustered both ways (Cameron, Gelbach and Miller 2011, equation 2.8):
    /// `V = V_seed + V_problem - V_cell`, each a one-way variance of the mean with its factor
    /// G / (G - 1): `V_seed = S/(S-1) sum_s (sum_p e_sp)^2 / (SP)^2` and likewise, `e = d - mean`.
    /// For the mean of a full table each of them is the square of the plain standard error, of the
    /// seeds' means, of the problems' means and of the cells. Student's t with
    /// `min(seeds, problems) - 1` degrees of freedom.
    ///
    /// V is never taken to be under the larger of `V_seed` and `V_problem`. Each estimates a part of
    /// the truth where effects of seeds and problems add variance; less can only come of noise in the
    /// three terms, and would make few seeds look sure (it may even be negative).
    ///
    /// # Errors
    /// Fewer than 2 seeds or problems, a table that is not full, or a value that is not finite.
    pub fn two_way(cells: &[f64], problems: usize) -> Result<Self, Undefined> {
        Self::two_way_of_size(cells, problems, largest(cells))
    }

    /// As `two_way`, of cells that were computed from terms of about this `size`.
    pub(crate) fn two_way_of_size(
        cells: &[f64],
        problems: usize,
        size: f64,
    ) -> Result<Self, Undefined> {
        all_finite("values", cells)?;
        let seeds = whole_seeds(cells.len(), problems)?;
        if seeds >= 2 && problems < 2 {
            return Err(Undefined::TooFewProblems { n: problems });
        }
        let of_seed: Vec<f64> = cells.chunks(problems).map(average).collect();
        let by_seed = Self::of_size(&of_seed, size)?;
        let mut of_problem = vec![0.0; problems];
        for row in cells.chunks(problems) {
            for (sum, cell) in of_problem.iter_mut().zip(row) {
                *sum += cell / seeds as f64;
            }
        }
        let [seed, problem, cell] = [
            by_seed.standard_error,
            Self::of_size(&of_problem, size)?.standard_error,
            Self::of_size(cells, size)?.standard_error,
        ]
        .map(|error| error * error);
        let variance = (seed + problem - cell).max(seed).max(problem);
        let lasting = (problem - cell).max(0.0);
        Ok(Self {
            standard_error: variance.sqrt(),
            shared: Some(SharedProblems {
                n: problems,
                standard_error: lasting.sqrt(),
            }),
            ..by_seed
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_seed_effects_only_is_t_over_seeds() {
        let seeds = [4.0, -1.0, 6.5];
        let cells: Vec<f64> = seeds.iter().flat_map(|&seed| [seed; 200]).collect();
        let (both, one) = (
            SeedMean::two_way(&cells, 200).unwrap(),
            SeedMean::of(&seeds).unwrap(),
        );
        assert!((both.estimate - one.estimate).abs() < 1e-12);
        // The problems' means are all alike; the guard keeps what the cells would take away.
        assert!((both.standard_error - one.standard_error).abs() < 1e-12);
        assert!((both.p().unwrap() - one.p().unwrap()).abs() < 1e-12);
    }

    #[test]
    fn problems_that_differ_widen_the_interval() {
        let cells = [0.0, 100.0, 0.0, 0.0, 100.0, 100.0, 0.0, 100.0, 0.0];
        let both = SeedMean::two_way(&cells, 3).unwrap();
        let one = SeedMean::of(&[100.0 / 3.0, 200.0 / 3.0, 100.0 / 3.0]).unwrap();
        assert!(both.standard_error > 1.5 * one.standard_error);
        assert_eq!(both.shared.unwrap().n, 3);
    }

    #[test]
    fn degrees_of_freedom_are_of_the_smaller_side() {
        let cells = [1.0, 5.0, 2.0, 9.0, 3.0, 4.0, 8.0, 2.0];
        let half_width = |mean: &SeedMean| mean.interval(0.5).unwrap().high - mean.estimate;
        // With one degree of freedom the 50% interval reaches one standard error.
        let two_problems = SeedMean::two_way(&cells, 2).unwrap();
        assert!((half_width(&two_problems) - two_problems.standard_error).abs() < 1e-12);
        let two_seeds = SeedMean::two_way(&cells, 4).unwrap();
        assert!((half_width(&two_seeds) - two_seeds.standard_error).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert_eq!(
            SeedMean::two_way(&[1.0, 2.0, 3.0], 2),
            Err(Undefined::Ragged { values: 3, each: 2 })
        );
        assert_eq!(
            SeedMean::two_way(&[1.0, 2.0, 3.0], 1),
            Err(Undefined::TooFewProblems { n: 1 })
        );
        assert_eq!(
            SeedMean::two_way(&[1.0, 2.0, 3.0], 3),
            Err(Undefined::TooFewSeeds { n: 1 })
        );
    }
}
