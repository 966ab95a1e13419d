//! Which problems stand behind a series, and what a result therefore generalises to.

use std::fmt;

use serde::Serialize;

use crate::student::SeedMean;
use crate::undefined::{Undefined, all_finite};

/// The size of the terms of every series in points, for telling spread from rounding: effects are
/// differences of percentages.
pub(crate) const PERCENT: f64 = 100.0;

/// Which problems the seeds were asked, and so what one value of a series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problems {
    /// Every seed has problems of its own: one value per seed, the mean over its problems.
    Own,
    /// All seeds have the same problems, this many: one value per seed and problem, seed by seed,
    /// each averaged over draws.
    Shared(usize),
    /// All seeds have the same problems, and only their means are at hand: one value per seed.
    Fixed,
}

/// What the interval and p of a result speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Generalises {
    /// Other seeds on these very problems.
    NewSeeds,
    /// Other seeds on other problems.
    NewSeedsAndProblems,
    /// Other problems for these very models (a single seed).
    NewProblems,
}

impl Problems {
    /// What a mean over seeds speaks of.
    pub fn generalises(self) -> Generalises {
        match self {
            Self::Own | Self::Shared(_) => Generalises::NewSeedsAndProblems,
            Self::Fixed => Generalises::NewSeeds,
        }
    }

    /// Values that one seed contributes to a series.
    pub(crate) fn values_per_seed(self) -> usize {
        match self {
            Self::Shared(problems) => problems,
            Self::Own | Self::Fixed => 1,
        }
    }

    /// The mean of a series in points, blind to rounding: t over seeds, or two-way where problems
    /// are shared.
    pub(crate) fn mean(self, values: &[f64]) -> Result<SeedMean, Undefined> {
        match self {
            Self::Own | Self::Fixed => SeedMean::of_size(values, PERCENT),
            Self::Shared(problems) => SeedMean::two_way_of_size(values, problems, PERCENT),
        }
    }

    /// The mean of each seed.
    pub(crate) fn seed_means(self, values: &[f64]) -> Result<Vec<f64>, Undefined> {
        all_finite("values", values)?;
        let each = self.values_per_seed();
        whole_seeds(values.len(), each)?;
        Ok(values.chunks(each).map(average).collect())
    }
}

/// Refuses a series that is no whole number of seeds with `each` values.
pub(crate) fn whole_seeds(values: usize, each: usize) -> Result<usize, Undefined> {
    if each == 0 || !values.is_multiple_of(each) {
        return Err(Undefined::Ragged { values, each });
    }
    Ok(values / each)
}

/// The arithmetic mean of values that are there.
pub(crate) fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl fmt::Display for Generalises {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str(match self {
            Self::NewSeeds => "new seeds",
            Self::NewSeedsAndProblems => "new seeds and problems",
            Self::NewProblems => "new problems",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_problems_that_are_sampled_generalise() {
        let texts = [Problems::Own, Problems::Shared(40), Problems::Fixed]
            .map(|problems| problems.generalises().to_string());
        assert_eq!(
            texts,
            [
                "new seeds and problems",
                "new seeds and problems",
                "new seeds"
            ]
        );
    }

    #[test]
    fn seeds_are_rows() {
        let cells = [1.0, 3.0, 5.0, 10.0, 20.0, 30.0];
        assert_eq!(Problems::Shared(3).seed_means(&cells), Ok(vec![3.0, 20.0]));
        assert_eq!(
            Problems::Shared(4).seed_means(&cells),
            Err(Undefined::Ragged { values: 6, each: 4 })
        );
        assert_eq!(Problems::Own.seed_means(&cells), Ok(cells.to_vec()));
    }
}
