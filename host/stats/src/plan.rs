//! Planning: what a run of a given size can detect, and how many seeds a given effect takes.

mod aim;

use std::fmt;

use serde::Serialize;

use crate::components::VarianceComponents;
use crate::holm::check_alpha;
use crate::power::{POWER, least_seeds};
use crate::prediction::Expectation;
use crate::problems::PERCENT;
use crate::tail::bisect;
use crate::undefined::{Undefined, in_range};
use aim::Aim;

/// The size of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Seeds.
    pub seeds: usize,
    /// Draws of each seed.
    pub draws: usize,
    /// Problems of each seed.
    pub problems: usize,
    /// Whether all seeds share their problems.
    pub shared: bool,
}

/// What a prediction's power depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// The true effect (greater, less).
    Effect,
    /// The margin in points, where the true effect is 0 (equivalent, non-inferior).
    Margin,
    /// Core's true effect, of which the margin is a share, where the true effect is 0.
    CoreEffect,
    /// The full effect, where the true ratio lies in the middle of its bounds, or is 1 where there is
    /// no upper one.
    FullEffect,
}

/// The least size that a plan finds with 80% power.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Detectable {
    /// Percentage points.
    pub points: f64,
    /// Of what.
    pub of: Quantity,
}

impl VarianceComponents {
    /// The standard error that a plan gives the mean effect, percentage points:
    /// `sqrt(seed^2/S + draw^2/(S D) + problem^2/(S P) + residual^2/(S D P))`; where seeds share their
    /// problems, these count once: `problem^2/P`.
    pub fn standard_error(&self, plan: &Plan) -> f64 {
        let [seeds, draws, problems] = [plan.seeds, plan.draws, plan.problems].map(|n| n as f64);
        let problem_sets = if plan.shared { 1.0 } else { seeds };
        let variance = self.seed.powi(2) / seeds
            + self.draw.powi(2) / (seeds * draws)
            + self.problem.powi(2) / (problem_sets * problems)
            + self.residual.powi(2) / (seeds * draws * problems);
        variance.sqrt()
    }

    /// The least size that a plan finds with 80% power at the unadjusted `alpha`, by the noncentral t.
    /// Arms of a share or ratio are taken to vary alike and independently, and where a prediction has
    /// two sides the probabilities of missing are added: both make the answer cautious.
    ///
    /// # Errors
    /// Fewer than 2 seeds (or shared problems), no draws or problems, alpha outside (0, 0.5), a margin
    /// or ratio that leaves nothing to find.
    pub fn detectable(
        &self,
        plan: &Plan,
        expectation: &Expectation,
        alpha: f64,
    ) -> Result<Detectable, Undefined> {
        let aim = Aim::of(expectation)?;
        let tail = aim.tails.share(check_alpha(alpha).map(|()| alpha)?);
        let (error, df) = (self.standard_error(plan), plan.df()?);
        let short = |points: f64| aim.missed(points, error, df, tail) > 1.0 - POWER;
        let mut high = error;
        while error > 0.0 && short(high) {
            high *= 2.0;
        }
        Ok(Detectable {
            points: bisect(0.0, high, short),
            of: aim.of,
        })
    }

    /// The least number of seeds that finds a true size of `points` with 80% power at the unadjusted
    /// `alpha`; draws and problems are the plan's, its seeds count for nothing. None where no number
    /// of seeds does, as shared problems keep their noise.
    ///
    /// # Errors
    /// As [`VarianceComponents::detectable`]; or a size that is not above 0.
    pub fn seeds_for(
        &self,
        points: f64,
        plan: &Plan,
        expectation: &Expectation,
        alpha: f64,
    ) -> Result<Option<usize>, Undefined> {
        let aim = Aim::of(expectation)?;
        let tail = aim.tails.share(check_alpha(alpha).map(|()| alpha)?);
        let is_size = points > 0.0 && points.is_finite();
        in_range("size", "above 0", points, is_size)?;
        let with = |seeds| Plan { seeds, ..*plan };
        with(2).df()?;
        Ok(least_seeds(|seeds| {
            let plan = with(seeds);
            let error = self.standard_error(&plan);
            let missed = |df| aim.missed(points, error, df, tail);
            plan.df().is_ok_and(|df| missed(df) <= 1.0 - POWER)
        }))
    }
}

impl Plan {
    /// Degrees of freedom of the test.
    fn df(&self) -> Result<f64, Undefined> {
        if self.seeds < 2 {
            return Err(Undefined::TooFewSeeds { n: self.seeds });
        }
        for (what, count) in [("draws", self.draws), ("problems", self.problems)] {
            in_range(what, "at least 1", count as f64, count >= 1)?;
        }
        if !self.shared {
            return Ok(self.seeds as f64 - 1.0);
        }
        match self.problems {
            n @ ..2 => Err(Undefined::TooFewProblems { n }),
            problems => Ok(self.seeds.min(problems) as f64 - 1.0),
        }
    }
}

impl fmt::Display for Detectable {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let of = match self.of {
            Quantity::Effect => "an effect of",
            Quantity::Margin => "no effect within a margin of",
            Quantity::CoreEffect => "no effect if core's is at least",
            Quantity::FullEffect => "the ratio if the full effect is at least",
        };
        write!(out, "{of} {:.1} points", self.points)?;
        if self.points > PERCENT {
            out.write_str(", more than accuracies can differ by: take more seeds")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::aim::spread;
    use super::*;
    use crate::prediction::Margin;

    const PLAN: Plan = Plan {
        seeds: 8,
        draws: 4,
        problems: 200,
        shared: false,
    };

    fn detectable(plan: Plan, expectation: Expectation) -> Detectable {
        let assumed = VarianceComponents::ASSUMED;
        assumed.detectable(&plan, &expectation, 0.05).unwrap()
    }

    const KINDS: [Expectation; 6] = [
        Expectation::Greater,
        Expectation::Equivalent(Margin::Points(3.0)),
        Expectation::Equivalent(Margin::CoreShare(0.25)),
        Expectation::NonInferior(Margin::CoreShare(0.25)),
        Expectation::RatioWithin {
            low: 0.25,
            high: 0.75,
        },
        Expectation::RatioWithin {
            low: 0.5,
            high: f64::INFINITY,
        },
    ];

    #[test]
    fn what_no_accuracy_can_differ_by_is_called_so() {
        let told = |seeds| detectable(Plan { seeds, ..PLAN }, Expectation::Greater).to_string();
        assert!(told(2).ends_with("points, more than accuracies can differ by: take more seeds"));
        assert!(told(8).ends_with(" points"));
    }

    #[test]
    fn the_seeds_for_what_a_plan_detects_are_its_own() {
        for shared in [false, true] {
            for kind in KINDS {
                let plan = Plan { shared, ..PLAN };
                let points = detectable(plan, kind).points;
                let seeds = |points| {
                    let assumed = VarianceComponents::ASSUMED;
                    assumed.seeds_for(points, &plan, &kind, 0.05).unwrap()
                };
                assert_eq!(seeds(points * 1.000_001), Some(8), "{kind:?}");
                assert_eq!(seeds(points * 0.999_999), Some(9), "{kind:?}");
            }
        }
    }

    #[test]
    fn more_of_anything_detects_less() {
        for kind in KINDS {
            let points = |plan| detectable(plan, kind).points;
            let more = [
                Plan { seeds: 9, ..PLAN },
                Plan { draws: 5, ..PLAN },
                Plan {
                    problems: 201,
                    ..PLAN
                },
            ];
            assert!(
                more.into_iter().all(|more| points(more) < points(PLAN)),
                "{kind:?}"
            );
            assert!(
                points(Plan {
                    shared: true,
                    ..PLAN
                }) > points(PLAN)
            );
        }
    }

    #[test]
    fn a_share_of_core_needs_a_large_core() {
        let points = detectable(PLAN, KINDS[1]).points;
        let core = detectable(PLAN, KINDS[2]);
        assert!((core.points / points - 4.0 * spread(0.25)).abs() < 1e-9);
        assert_eq!(core.of, Quantity::CoreEffect);
        assert!(
            core.to_string()
                .starts_with("no effect if core's is at least ")
        );
    }

    #[test]
    fn shared_problems_set_a_floor() {
        let plan = Plan {
            problems: 20,
            shared: true,
            ..PLAN
        };
        let assumed = VarianceComponents::ASSUMED;
        let seeds = |points| assumed.seeds_for(points, &plan, &Expectation::Greater, 0.05);
        assert_eq!(seeds(20.0), Ok(None));
        assert!(seeds(60.0).unwrap().is_some());
    }

    #[test]
    fn without_noise_anything_is_found() {
        let silent = VarianceComponents {
            seed: 0.0,
            draw: 0.0,
            problem: 0.0,
            residual: 0.0,
            clipped: Vec::new(),
        };
        let found = silent.detectable(&PLAN, &Expectation::Less, 0.05).unwrap();
        assert!(found.points <= 0.0, "{found}");
    }

    #[test]
    fn plans_that_test_nothing_are_refused() {
        let assumed = VarianceComponents::ASSUMED;
        let of = |plan: Plan, kind| assumed.detectable(&plan, &kind, 0.05);
        let error = of(Plan { seeds: 1, ..PLAN }, Expectation::Greater);
        assert_eq!(error, Err(Undefined::TooFewSeeds { n: 1 }));
        assert!(of(Plan { draws: 0, ..PLAN }, Expectation::Greater).is_err());
        let backwards = Expectation::RatioWithin {
            low: 1.5,
            high: f64::INFINITY,
        };
        assert!(of(PLAN, backwards).is_err());
    }
}
