//! Where the noise of an effect comes from: variance components, to plan the next run with.

use serde::Serialize;

use crate::measured::Measured;
use crate::problems::average;
use crate::undefined::Undefined;

/// Standard deviations of the parts of a single problem's difference, percentage points.
///
/// `d[seed, draw, problem] = effect + seed + draw(seed) + problem + residual`. A problem's part is
/// common to the draws that share the problem, and where all seeds share it to the seeds too; what
/// then varies by seed and problem is in the residual.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VarianceComponents {
    /// Between seeds.
    pub seed: f64,
    /// Between draws of a seed.
    pub draw: f64,
    /// Between problems.
    pub problem: f64,
    /// The rest: of one problem at one draw.
    pub residual: f64,
    /// The parts above whose estimate was not above 0, or that a single draw or problem can't tell
    /// from the others; each counts as 0.
    pub clipped: Vec<&'static str>,
}

impl VarianceComponents {
    /// What is assumed before anything was measured: seeds with an SD of 10 points and draws with 12,
    /// as the tiny organisms showed; and answers that are right or wrong: those of a locked model at
    /// 20%, which all draws share (SD 40 points), against unlocked ones at about 45% (50 points).
    pub const ASSUMED: Self = Self {
        seed: 10.0,
        draw: 12.0,
        problem: 40.0,
        residual: 50.0,
        clipped: Vec::new(),
    };

    /// Estimates them from a full table by the method of moments (analysis of variance; Searle
    /// et al. 1992, chapter 4): each mean square less what the other parts put into it.
    /// The noise of a single draw stays in the seeds' part. With shared problems the residual holds
    /// for the number of draws that was measured.
    ///
    /// # Errors
    /// A table that is not full, a value that is not finite, fewer than 2 seeds, or fewer than 2
    /// shared problems.
    pub fn estimate(measured: &Measured) -> Result<Self, Undefined> {
        let of = MeanSquares::of(measured)?;
        let (draws, problems) = (measured.draws as f64, measured.problems as f64);
        let (of_problem, rest) = match of.problem {
            Some(shared) => ((shared - of.cell) / (of.seeds * draws), of.cell),
            None => ((of.cell - of.residual) / draws, of.residual),
        };
        let of_seed = (of.seed - of.draw - of.cell + of.residual) / (draws * problems);
        let parts = [
            ("seed", of_seed),
            ("draw", (of.draw - of.residual) / problems),
            ("problem", of_problem),
            ("residual", rest),
        ];
        let [seed, draw, problem, residual] = parts.map(|(_, square)| square.max(0.0).sqrt());
        let clipped = parts.into_iter().filter(|(_, square)| *square <= 0.0);
        Ok(Self {
            seed,
            draw,
            problem,
            residual,
            clipped: clipped.map(|(name, _)| name).collect(),
        })
    }
}

/// Mean squares of a table, each per single difference: its expectation is the residual's variance
/// plus those parts that vary with it, times the differences in each of its means.
struct MeanSquares {
    seeds: f64,
    /// Of the seeds' means.
    seed: f64,
    /// Of the draws' means within seeds.
    draw: f64,
    /// Of the problems' means within seeds; with shared problems, less the problems' own part.
    cell: f64,
    /// Of what draws and problems leave within seeds.
    residual: f64,
    /// With shared problems, of the problems' means.
    problem: Option<f64>,
}

impl MeanSquares {
    fn of(measured: &Measured) -> Result<Self, Undefined> {
        let (cells, seeds) = (measured.cells()?, measured.seeds()?);
        if seeds < 2 {
            return Err(Undefined::TooFewSeeds { n: seeds });
        }
        let n = measured.problems;
        if measured.shared && n < 2 {
            return Err(Undefined::TooFewProblems { n });
        }
        let (draws, problems) = (measured.draws as f64, measured.problems as f64);
        let seed_means: Vec<f64> = cells.chunks(measured.problems).map(average).collect();
        let mean = average(&seed_means);
        let rows = measured.values.chunks(measured.problems);
        let draw_means: Vec<f64> = rows.map(average).collect();
        let seed_of = |draw: usize| draw / measured.draws;

        let within = draw_means.iter().enumerate();
        let draw = problems * sum_of_squares(within.map(|(i, draw)| draw - seed_means[seed_of(i)]));
        let single = measured.values.iter().enumerate().map(|(i, value)| {
            let (draw, problem) = (i / measured.problems, i % measured.problems);
            let seed = seed_of(draw);
            let cell = cells[seed * measured.problems + problem];
            value - draw_means[draw] - cell + seed_means[seed]
        });
        let rest = sum_of_squares(single);
        let common = if measured.shared {
            columns(&cells, measured.problems)
        } else {
            vec![mean; measured.problems]
        };
        let of_cell = cells.iter().enumerate().map(|(i, cell)| {
            cell - seed_means[i / measured.problems] - common[i % measured.problems] + mean
        });
        let cell = draws * sum_of_squares(of_cell);

        let n = seeds as f64;
        let tables = if measured.shared { n - 1.0 } else { n };
        let (draw_df, cell_df) = (n * (draws - 1.0), tables * (problems - 1.0));
        let rest_df = draw_df * (problems - 1.0);
        // Where draws or problems are single, their mean square is all that is left within seeds.
        let residual = match (measured.draws, measured.problems) {
            (1, 1) => 0.0,
            (1, _) => cell / cell_df,
            (_, 1) => draw / draw_df,
            _ => rest / rest_df,
        };
        let over = |square: f64, df: f64| if df > 0.0 { square / df } else { residual };
        let around = |values: &[f64]| sum_of_squares(values.iter().map(|value| value - mean));
        Ok(Self {
            seeds: n,
            seed: draws * problems * around(&seed_means) / (n - 1.0),
            draw: over(draw, draw_df),
            cell: over(cell, cell_df),
            residual,
            problem: measured
                .shared
                .then_some(n * draws * around(&common) / (problems - 1.0)),
        })
    }
}

fn sum_of_squares(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum()
}

/// The mean of each problem over seeds.
fn columns(cells: &[f64], problems: usize) -> Vec<f64> {
    let seeds = cells.len() / problems;
    let of_problem = |problem| cells.iter().skip(problem).step_by(problems).sum::<f64>();
    (0..problems)
        .map(|problem| of_problem(problem) / seeds as f64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(values: &[f64], draws: usize, problems: usize, shared: bool) -> Measured<'_> {
        Measured {
            values,
            draws,
            problems,
            shared,
        }
    }

    /// A table with exact parts: seed +-s, draw +-d, problem +-p, in turn.
    fn table(seed: f64, draw: f64, problem: f64) -> Vec<f64> {
        let sign = |bit: usize| if bit == 0 { 1.0 } else { -1.0 };
        (0..8)
            .map(|i| 20.0 + seed * sign(i & 4) + draw * sign(i & 2) + problem * sign(i & 1))
            .collect()
    }

    #[test]
    fn parts_without_residual_are_told_apart() {
        let values = table(10.0, 3.0, 0.0);
        let parts = VarianceComponents::estimate(&measured(&values, 2, 2, false)).unwrap();
        // Two values +-d have a variance of 2 d^2; the seeds' means carry half the draws'.
        assert!((parts.draw - 18.0_f64.sqrt()).abs() < 1e-9, "{parts:?}");
        assert!(
            (parts.seed - (200.0_f64 - 9.0).sqrt()).abs() < 1e-9,
            "{parts:?}"
        );
        assert_eq!((parts.problem, parts.residual), (0.0, 0.0));
        assert_eq!(parts.clipped, ["problem", "residual"]);
    }

    #[test]
    fn shared_problems_have_a_part_of_their_own() {
        let values = table(10.0, 0.0, 30.0);
        let parts = VarianceComponents::estimate(&measured(&values, 2, 2, true)).unwrap();
        assert!(
            (parts.problem - 1800.0_f64.sqrt()).abs() < 1e-9,
            "{parts:?}"
        );
        assert!((parts.seed - 200.0_f64.sqrt()).abs() < 1e-9, "{parts:?}");
        // As problems of each seed they are the same part, taken off the seeds' means.
        let own = VarianceComponents::estimate(&measured(&values, 2, 2, false)).unwrap();
        assert!((own.problem - parts.problem).abs() < 1e-9, "{own:?}");
        assert!(own.seed <= 0.0 && own.clipped.contains(&"seed"));
    }

    #[test]
    fn single_draws_leave_their_noise_to_the_seeds() {
        let values = [10.0, 30.0, 0.0, 50.0];
        let parts = VarianceComponents::estimate(&measured(&values, 1, 2, false)).unwrap();
        assert_eq!((parts.draw, parts.problem), (0.0, 0.0));
        assert_eq!(parts.clipped, ["seed", "draw", "problem"]);
        let bare = VarianceComponents::estimate(&measured(&values, 1, 1, false)).unwrap();
        assert!(
            (bare.seed.powi(2) - 491.666_666_666).abs() < 1e-6,
            "{bare:?}"
        );
    }

    #[test]
    fn one_seed_or_one_shared_problem_is_refused() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(
            VarianceComponents::estimate(&measured(&values, 2, 2, false)),
            Err(Undefined::TooFewSeeds { n: 1 })
        );
        assert_eq!(
            VarianceComponents::estimate(&measured(&values, 2, 1, true)),
            Err(Undefined::TooFewProblems { n: 1 })
        );
    }
}
