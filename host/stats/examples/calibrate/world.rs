//! Synthetic worlds: answers of locked and unlocked models whose true effect is known exactly.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use statrs::distribution::{ContinuousCDF, Normal};

/// Draws of each seed.
pub const DRAWS: usize = 4;
/// Problems of each seed.
pub const PROBLEMS: usize = 50;
/// Spread of the part that dominates, and of the others, on the scale of the answers' noise (SD 1):
/// 0.6 is about 20 points between accuracies in the middle, 0.2 about 8.
const LARGE: f64 = 0.6;
const SMALL: f64 = 0.2;

/// The part of the variance that dominates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dominant {
    Seed,
    Draw,
    Problem,
}

/// How the answers of a run come about.
#[derive(Debug, Clone, Copy)]
pub struct World {
    pub dominant: Dominant,
    pub shared: bool,
    pub seeds: usize,
}

/// A model's chance to answer: right where `threshold + parts + noise > 0`.
#[derive(Debug, Clone, Copy)]
pub struct Answerer {
    threshold: f64,
}

impl Answerer {
    /// The threshold at which the accuracy over everything random is exactly `accuracy`: with parts of
    /// total variance v, `E Phi(c + part) = Phi(c / sqrt(1 + v))`.
    pub fn new(accuracy: f64, variance: f64) -> Self {
        let standard = Normal::standard().inverse_cdf(accuracy);
        Self {
            threshold: standard * (1.0 + variance).sqrt(),
        }
    }

    /// One answer, 1 where it is right.
    pub fn answer(self, part: f64, random: &mut ChaCha8Rng) -> f64 {
        f64::from(self.threshold + part + normal(1.0, random) > 0.0)
    }
}

pub fn normal(spread: f64, random: &mut ChaCha8Rng) -> f64 {
    spread * random.sample::<f64, _>(StandardNormal)
}

impl World {
    fn spread(&self, part: Dominant) -> f64 {
        if part == self.dominant { LARGE } else { SMALL }
    }

    /// Differences treated - control in points, by seed, draw and problem. The control is one locked
    /// model per seed, whose answers all draws share; its accuracy and the treated one's over all
    /// seeds, draws and problems are as given.
    pub fn differences(&self, control: f64, treated: f64, random: &mut ChaCha8Rng) -> Vec<f64> {
        let [seed, draw, problem] =
            [Dominant::Seed, Dominant::Draw, Dominant::Problem].map(|part| self.spread(part));
        let locked = Answerer::new(control, SMALL * SMALL + problem * problem);
        let unlocked = Answerer::new(treated, seed * seed + draw * draw + problem * problem);
        let hardness = |random: &mut ChaCha8Rng| -> Vec<[f64; 2]> {
            let one = |_| [normal(problem, random), normal(problem, random)];
            (0..PROBLEMS).map(one).collect()
        };
        let mut problems = hardness(random);
        let mut differences = Vec::with_capacity(self.seeds * DRAWS * PROBLEMS);
        for _ in 0..self.seeds {
            if !self.shared {
                problems = hardness(random);
            }
            let (of_locked, of_unlocked) = (normal(SMALL, random), normal(seed, random));
            let before: Vec<f64> = problems
                .iter()
                .map(|[own, _]| locked.answer(of_locked + own, random))
                .collect();
            for _ in 0..DRAWS {
                let of_draw = of_unlocked + normal(draw, random);
                differences.extend(problems.iter().zip(&before).map(|([_, own], before)| {
                    100.0 * (unlocked.answer(of_draw + own, random) - before)
                }));
            }
        }
        differences
    }
}
