//! What each method gets wrong over many worlds.

use picklock_stats::{
    Bootstrap, Interval, Measured, Resampling, SeedMean, SignFlip, Tails, Undefined,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::world::{DRAWS, PROBLEMS, World};

/// The margin at whose edge the true effect lies in the worlds that test equivalence, points.
pub const MARGIN: f64 = 10.0;
/// Resamples of the bootstrap, the fewest that give both tails exact places.
const RESAMPLES: usize = 199;

/// A candidate for interval and p.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Student's t over the seeds' means.
    T,
    /// Clustered by seed and problem.
    TwoWay,
    /// Percentile-t bootstrap by seed, draw and problem.
    Bootstrap,
    /// Exact sign flips of the seeds' means.
    SignFlip,
}

/// Errors of a method over worlds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Worlds without effect, and as many with one at the margin.
    pub worlds: usize,
    /// Worlds without effect found greater.
    pub greater: usize,
    /// Worlds without effect found less.
    pub less: usize,
    /// Worlds of both sorts whose 95% interval holds the true effect; none without an interval.
    pub covered: Option<usize>,
    /// Worlds whose effect lies at the margin found equivalent.
    pub equivalent: usize,
}

impl Tally {
    /// Shares in percent: greater, less, covered, equivalent.
    pub fn percent(&self) -> [Option<f64>; 4] {
        let share = |count: usize, of: usize| 100.0 * count as f64 / of as f64;
        [
            Some(share(self.greater, self.worlds)),
            Some(share(self.less, self.worlds)),
            self.covered.map(|count| share(count, 2 * self.worlds)),
            Some(share(self.equivalent, self.worlds)),
        ]
    }
}

/// One world as a method sees it.
struct Finding {
    greater: bool,
    less: bool,
    equivalent: bool,
    interval: Option<Interval>,
}

/// Lets a method judge `worlds` worlds without effect and as many with one at the margin. `accuracy` is
/// the control's without effect, then with one.
pub fn tally(world: &World, accuracy: [f64; 2], method: Method, worlds: usize, key: u64) -> Tally {
    let mut tally = Tally {
        worlds,
        covered: (method != Method::SignFlip).then_some(0),
        ..Tally::default()
    };
    let mut random = ChaCha8Rng::seed_from_u64(key);
    for effect in [0.0, MARGIN] {
        let control = accuracy[usize::from(effect > 0.0)];
        for _ in 0..worlds {
            let differences = world.differences(control, control + effect / 100.0, &mut random);
            let measured = Measured {
                values: &differences,
                draws: DRAWS,
                problems: PROBLEMS,
                shared: world.shared,
            };
            let found = find(&measured, method, &mut random);
            if let (Some(covered), Some(interval)) = (&mut tally.covered, found.interval) {
                *covered += usize::from(interval.contains(effect));
            }
            if effect > 0.0 {
                tally.equivalent += usize::from(found.equivalent);
            } else {
                tally.greater += usize::from(found.greater);
                tally.less += usize::from(found.less);
            }
        }
    }
    tally
}

fn find(measured: &Measured, method: Method, random: &mut ChaCha8Rng) -> Finding {
    match method {
        Method::T => of_mean(&SeedMean::of(&seed_means(measured))),
        Method::TwoWay => of_mean(&measured.mean()),
        Method::Bootstrap => {
            let resampling = Resampling {
                key: random.next_u64(),
                resamples: RESAMPLES,
                threads: 1,
            };
            let bootstrap = Bootstrap::of(measured, resampling);
            let interval = |level| bootstrap.as_ref().ok()?.interval(level).ok();
            of_intervals(interval(0.95), interval(0.9))
        }
        Method::SignFlip => of_signs(&seed_means(measured)),
    }
}

/// Intervals of a mean decide as its p does.
fn of_mean(mean: &Result<SeedMean, Undefined>) -> Finding {
    let interval = |level| mean.as_ref().ok()?.interval(level).ok();
    let tested = mean.as_ref().is_ok_and(|mean| mean.standard_error > 0.0);
    let found = of_intervals(interval(0.95), interval(0.9));
    Finding {
        greater: found.greater && tested,
        less: found.less && tested,
        equivalent: found.equivalent && tested,
        ..found
    }
}

fn of_intervals(wide: Option<Interval>, narrow: Option<Interval>) -> Finding {
    Finding {
        greater: wide.is_some_and(|ends| ends.low > 0.0),
        less: wide.is_some_and(|ends| ends.high < 0.0),
        equivalent: narrow.is_some_and(|ends| ends.low > -MARGIN && ends.high < MARGIN),
        interval: wide,
    }
}

fn of_signs(means: &[f64]) -> Finding {
    let small = |values: &[f64], tails| {
        let test = SignFlip::of(values, tails, Resampling::keyed(0));
        test.is_ok_and(|test| test.p <= 0.05)
    };
    let side = |sign: f64| -> Vec<f64> { means.iter().map(|x| MARGIN + sign * x).collect() };
    let differs = small(means, Tails::Two);
    let sum: f64 = means.iter().sum();
    Finding {
        greater: differs && sum > 0.0,
        less: differs && sum < 0.0,
        equivalent: small(&side(1.0), Tails::One) && small(&side(-1.0), Tails::One),
        interval: None,
    }
}

fn seed_means(measured: &Measured) -> Vec<f64> {
    let each = measured.draws * measured.problems;
    let mean = |seed: &[f64]| seed.iter().sum::<f64>() / each as f64;
    measured.values.chunks(each).map(mean).collect()
}
