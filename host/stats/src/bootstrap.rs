//! The bootstrap that respects the design: a check on the interval, not the default.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::interval::{Interval, tail_of};
use crate::measured::Measured;
use crate::problems::Problems;
use crate::resample::Resampling;
use crate::student::SeedMean;
use crate::undefined::Undefined;

/// Resampled t statistics of a mean effect.
///
/// A resample takes seeds with replacement, within each its draws, and the problems: each taken seed's
/// own, or where all seeds share them one choice for all. Percentile-t (Efron and Tibshirani 1993,
/// section 12.5; Hall 1988) rather than percentiles of the mean: with n seeds the spread of resampled
/// means is too small by a factor of `sqrt((n-1)/n)` and its tails are the normal's, and resampling
/// within seeds adds the draws' and problems' noise a second time; both cancel where every resample is
/// measured by its own standard error.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    mean: SeedMean,
    /// Sorted; infinite where a resample has no spread but another mean.
    t: Vec<f64>,
}

impl Bootstrap {
    /// Resamples the differences.
    ///
    /// # Errors
    /// As [`Measured::mean`].
    pub fn of(measured: &Measured, resampling: Resampling) -> Result<Self, Undefined> {
        let mean = measured.mean()?;
        let resampler = Resampler {
            measured,
            seeds: measured.seeds()?,
        };
        let drawn = resampling.run(|random| studentised(&resampler.resampled(random), &mean));
        let mut t = drawn.into_iter().collect::<Result<Vec<f64>, Undefined>>()?;
        t.sort_by(f64::total_cmp);
        Ok(Self { mean, t })
    }

    /// The percentile-t interval in points: `estimate - t_(1-tail) se` to `estimate - t_tail se`, t the
    /// order statistics at `tail (B + 1)`. An end is infinite where too few seeds (or resamples) set
    /// no bound.
    ///
    /// # Errors
    /// A level outside (0, 1).
    pub fn interval(&self, level: f64) -> Result<Interval, Undefined> {
        let tail = tail_of(level)?;
        // The slack keeps 0.05 * 1000 at 50, whatever the rounding of the level.
        let place = (tail * (self.t.len() + 1) as f64 + 1e-9).floor() as usize;
        let (least, most) = match place.checked_sub(1) {
            Some(place) => (self.t[place], self.t[self.t.len() - 1 - place]),
            None => (f64::NEG_INFINITY, f64::INFINITY),
        };
        let end = |t: f64| match self.mean.standard_error {
            0.0 => self.mean.estimate,
            error => self.mean.estimate - t * error,
        };
        Ok(Interval {
            low: end(most),
            high: end(least),
            level,
        })
    }
}

fn studentised(resampled: &Result<SeedMean, Undefined>, mean: &SeedMean) -> Result<f64, Undefined> {
    let resampled = resampled.as_ref().map_err(Clone::clone)?;
    let away = resampled.estimate - mean.estimate;
    Ok(if away == 0.0 {
        0.0
    } else {
        away / resampled.standard_error
    })
}

struct Resampler<'a> {
    measured: &'a Measured<'a>,
    seeds: usize,
}

impl Resampler<'_> {
    fn resampled(&self, random: &mut ChaCha8Rng) -> Result<SeedMean, Undefined> {
        let (problems, draws) = (self.measured.problems, self.measured.draws);
        if self.measured.shared {
            let chosen: Vec<usize> = (0..problems).map(|_| below(problems, random)).collect();
            let mut cells = Vec::with_capacity(self.seeds * problems);
            for _ in 0..self.seeds {
                let seed = self.seed(random);
                let weights = choices(draws, random);
                cells.extend(chosen.iter().map(|&problem| {
                    let of_draw =
                        |(draw, weight): (usize, &f64)| weight * seed[draw * problems + problem];
                    weights.iter().enumerate().map(of_draw).sum::<f64>() / draws as f64
                }));
            }
            return Problems::Shared(problems).mean(&cells);
        }
        let means: Vec<f64> = (0..self.seeds)
            .map(|_| {
                let seed = self.seed(random);
                let (of_draws, of_problems) = (choices(draws, random), choices(problems, random));
                let chosen = seed.chunks(problems).zip(&of_draws);
                let chosen = chosen.filter(|(_, weight)| **weight > 0.0);
                let sums = chosen.map(|(draw, weight)| weight * dot(draw, &of_problems));
                sums.sum::<f64>() / (draws * problems) as f64
            })
            .collect();
        Problems::Own.mean(&means)
    }

    /// The differences of a seed, any seed.
    fn seed(&self, random: &mut ChaCha8Rng) -> &[f64] {
        let each = self.measured.draws * self.measured.problems;
        let seed = below(self.seeds, random);
        &self.measured.values[seed * each..(seed + 1) * each]
    }
}

/// The sum of products, in eight sums side by side: one alone would wait for each addition.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (heads, tails) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = heads.remainder().iter().zip(tails.remainder());
    let rest: f64 = rest.map(|(a, b)| a * b).sum();
    let mut sums = [0.0; 8];
    for (a, b) in heads.zip(tails) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// How often each of `n` things is chosen in n choices with replacement.
fn choices(n: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
    let mut times = vec![0.0; n];
    for _ in 0..n {
        times[below(n, random)] += 1.0;
    }
    times
}

fn below(n: usize, random: &mut ChaCha8Rng) -> usize {
    random.random_range(0..n as u32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    /// Differences of -100, 0 and 100, of seeds that differ in how often they gain.
    fn values(seeds: usize, draws: usize, problems: usize) -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut one = |seed: usize| match below(10, &mut random) {
            level if level < 2 + seed % 4 => 100.0,
            9 => -100.0,
            _ => 0.0,
        };
        (0..seeds * draws * problems)
            .map(|i| one(i / (draws * problems)))
            .collect()
    }

    fn bootstrap(values: &[f64], shared: bool, threads: usize) -> Bootstrap {
        let measured = Measured {
            values,
            draws: 2,
            problems: 10,
            shared,
        };
        let resampling = Resampling {
            key: 5,
            resamples: 999,
            threads,
        };
        Bootstrap::of(&measured, resampling).unwrap()
    }

    #[test]
    fn threads_change_no_byte() {
        for shared in [false, true] {
            let values = values(8, 2, 10);
            let alone = bootstrap(&values, shared, 1);
            for threads in [2, 3, 7] {
                assert_eq!(bootstrap(&values, shared, threads), alone);
            }
        }
    }

    #[test]
    fn normal_seeds_get_about_the_t_interval() {
        // The normal distribution's quantiles as 20 seeds; one draw, one problem of its own each.
        let effects: Vec<f64> = (1..=20)
            .map(|i| {
                let share = f64::from(i) / 21.0;
                10.0 + 5.0 * (share / (1.0 - share)).ln() / 1.7
            })
            .collect();
        let measured = Measured {
            values: &effects,
            draws: 1,
            problems: 1,
            shared: false,
        };
        let bootstrap = Bootstrap::of(&measured, Resampling::keyed(1)).unwrap();
        let (got, t) = (
            bootstrap.interval(0.95).unwrap(),
            measured.mean().unwrap().interval(0.95).unwrap(),
        );
        assert!((got.low - t.low).abs() < 0.4 && (got.high - t.high).abs() < 0.4);
        assert!(got.contains(10.0));
    }

    #[test]
    fn a_wider_level_holds_a_narrower_one() {
        let bootstrap = bootstrap(&values(5, 2, 10), true, 1);
        let (wide, narrow) = (
            bootstrap.interval(0.95).unwrap(),
            bootstrap.interval(0.9).unwrap(),
        );
        assert!(wide.low <= narrow.low && narrow.high <= wide.high && narrow.low < narrow.high);
    }

    #[test]
    fn two_bare_seeds_set_no_bound_and_equal_ones_are_a_point() {
        let bare = |values| Measured {
            values,
            draws: 1,
            problems: 1,
            shared: false,
        };
        let two = Bootstrap::of(&bare(&[4.0, 8.0]), Resampling::keyed(1)).unwrap();
        let ends = two.interval(0.95).unwrap();
        assert_eq!((ends.low, ends.high), (f64::NEG_INFINITY, f64::INFINITY));
        let equal = Bootstrap::of(&bare(&[4.0; 3]), Resampling::keyed(1)).unwrap();
        let ends = equal.interval(0.95).unwrap();
        assert_eq!((ends.low, ends.high), (4.0, 4.0));
    }
}
