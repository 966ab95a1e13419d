//! Two choices that could bias a null: the best of several noise scales, and the gate.

use picklock_stats::SeedMean;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::world::{Answerer, PROBLEMS, normal};

/// Scales that `noise-best` searches.
const SCALES: usize = 5;
/// Spread of a noise, and of locked models, on the scale of the answers' noise.
const NOISE: f64 = 0.3;
const SEED: f64 = 0.6;
/// The locked models' accuracy over all seeds, and what the gate lets through: weak 20%, base 90%.
const LOCKED: f64 = 0.35;
const BOUND: f64 = 0.2 + 0.25 * (0.9 - 0.2);

/// Share of worlds, in percent, that a null was found greater in.
#[derive(Debug, Clone, Copy)]
pub struct Selected {
    /// What was done, in words.
    pub what: &'static str,
    pub seeds: usize,
    pub worlds: usize,
    /// Of all worlds.
    pub greater: f64,
    /// Of the worlds that were judged at all, where some were not.
    pub of_judged: Option<f64>,
}

/// Noise at the best of five scales, none of which does anything: judged on other problems with fresh
/// noise, then on the very problems that chose it.
pub fn best_of_scales(seeds: usize, worlds: usize, key: u64) -> [Selected; 2] {
    let mut random = ChaCha8Rng::seed_from_u64(key);
    let mut greater = [0_usize; 2];
    for _ in 0..worlds {
        let (mut fresh, mut same) = (Vec::new(), Vec::new());
        for _ in 0..seeds {
            let of_seed = normal(SEED, &mut random);
            let locked = Answerer::new(LOCKED, SEED * SEED);
            let noisy = Answerer::new(LOCKED, SEED * SEED + NOISE * NOISE);
            let mut scored = |answerer: Answerer, spread: f64| {
                let part = of_seed + normal(spread, &mut random);
                score(answerer, part, &mut random)
            };
            let scales = (0..SCALES).map(|_| scored(noisy, NOISE));
            let best = scales.fold(f64::NEG_INFINITY, f64::max);
            same.push(best - scored(locked, 0.0));
            fresh.push(scored(noisy, NOISE) - scored(locked, 0.0));
        }
        greater[0] += usize::from(is_greater(&fresh));
        greater[1] += usize::from(is_greater(&same));
    }
    let whats = [
        "best of 5 scales, judged on other problems with fresh noise",
        "best of 5 scales, judged on the problems that chose it (not what picklock does)",
    ];
    [0, 1].map(|i| Selected {
        what: whats[i],
        seeds,
        worlds,
        greater: 100.0 * greater[i] as f64 / worlds as f64,
        of_judged: None,
    })
}

/// Locked models near the gate, and unlocking that does nothing: the gate on the mean over seeds, then
/// seeds left out one by one. `kept` is whether unlocked models keep their seed's part, or have one of
/// their own.
pub fn gate(seeds: usize, worlds: usize, kept: bool, key: u64) -> [Selected; 2] {
    let mut random = ChaCha8Rng::seed_from_u64(key);
    let (mut greater, mut judged) = ([0_usize; 2], [0_usize; 2]);
    let model = Answerer::new(LOCKED, SEED * SEED);
    for _ in 0..worlds {
        let runs: Vec<[f64; 2]> = (0..seeds)
            .map(|_| {
                let part = normal(SEED, &mut random);
                let unlocked = if kept {
                    part
                } else {
                    normal(SEED, &mut random)
                };
                let validation = score(model, part, &mut random);
                let before = score(model, part, &mut random);
                [validation, score(model, unlocked, &mut random) - before]
            })
            .collect();
        let passes = |validation: f64| validation <= 100.0 * BOUND;
        let mean = runs.iter().map(|[validation, _]| validation).sum::<f64>() / seeds as f64;
        let effects = |runs: &mut dyn Iterator<Item = &[f64; 2]>| -> Vec<f64> {
            runs.map(|[_, effect]| *effect).collect()
        };
        let all = effects(&mut runs.iter());
        let some = effects(&mut runs.iter().filter(|[validation, _]| passes(*validation)));
        for (i, (tested, effects)) in [(passes(mean), all), (some.len() > 1, some)]
            .iter()
            .enumerate()
        {
            judged[i] += usize::from(*tested);
            greater[i] += usize::from(*tested && is_greater(effects));
        }
    }
    let whats = match kept {
        true => [
            "gate on the mean over seeds, unlocking changes nothing",
            "seeds over the bound left out, unlocking changes nothing (not what picklock does)",
        ],
        false => [
            "gate on the mean over seeds, unlocking only reshuffles seeds",
            "seeds over the bound left out, unlocking only reshuffles seeds (not what picklock does)",
        ],
    };
    [0, 1].map(|i| Selected {
        what: whats[i],
        seeds,
        worlds,
        greater: 100.0 * greater[i] as f64 / worlds as f64,
        of_judged: Some(100.0 * greater[i] as f64 / judged[i].max(1) as f64),
    })
}

/// Accuracy on fresh problems, percent.
fn score(model: Answerer, part: f64, random: &mut ChaCha8Rng) -> f64 {
    let right: f64 = (0..PROBLEMS).map(|_| model.answer(part, random)).sum();
    100.0 * right / PROBLEMS as f64
}

fn is_greater(effects: &[f64]) -> bool {
    let mean = SeedMean::of(effects);
    mean.is_ok_and(|mean| mean.estimate > 0.0 && mean.p().is_ok_and(|p| p <= 0.05))
}
