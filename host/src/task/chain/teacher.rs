//! The flawed teacher: its answers have entropy, and a wrong mode that comes back.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::Operation;

/// The designed, flawed teacher: on hard operations it is wrong in a systematic way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teacher {
    /// Operations that it gets wrong.
    pub hard: Vec<Operation>,
    /// Probability of answering correct + 1 on a hard operation.
    pub systematic: f64,
    /// Probability of answering correctly on a hard operation; the rest is uniform.
    pub correct: f64,
    /// Probability of answering correctly on the others; the rest is uniform.
    pub easy_correct: f64,
}

impl Teacher {
    /// The state that it gives, sampled at temperature 1.
    fn sampled(
        &self,
        operation: Operation,
        correct: u32,
        modulus: u32,
        rng: &mut ChaCha8Rng,
    ) -> u32 {
        let (chance, uniform) = (rng.random::<f64>(), rng.random_range(0..modulus));
        if self.hard.contains(&operation) {
            match chance {
                chance if chance < self.systematic => (correct + 1) % modulus,
                chance if chance < self.systematic + self.correct => correct,
                _ => uniform,
            }
        } else if chance < self.easy_correct {
            correct
        } else {
            uniform
        }
    }

    /// The probability of each state.
    pub(super) fn distribution(
        &self,
        operation: Operation,
        correct: u32,
        modulus: u32,
    ) -> Vec<f64> {
        let (systematic, right) = match self.hard.contains(&operation) {
            true => (self.systematic, self.correct),
            false => (0.0, self.easy_correct),
        };
        let uniform = (1.0 - systematic - right).max(0.0) / f64::from(modulus);
        let mut states = vec![uniform; modulus as usize];
        states[correct as usize] += right;
        states[((correct + 1) % modulus) as usize] += systematic;
        states
    }

    /// The state that it gives at a temperature; at 0 the most likely one.
    pub(super) fn state(
        &self,
        step: &Step,
        modulus: u32,
        temperature: f64,
        rng: &mut ChaCha8Rng,
    ) -> u32 {
        let (operation, correct) = (step.operation, step.correct);
        if (temperature - 1.0).abs() < f64::EPSILON {
            return self.sampled(operation, correct, modulus, rng);
        }
        let states = self.distribution(operation, correct, modulus);
        // The first of equals, as in decoding.
        let likeliest = (0..states.len()).rev();
        let likeliest = likeliest.max_by(|one, other| states[*one].total_cmp(&states[*other]));
        let likeliest = likeliest.unwrap_or_default();
        if temperature <= 0.0 {
            return likeliest as u32;
        }
        // Over the largest, so that no power of a small temperature is 0 for all.
        let weights: Vec<f64> = states
            .iter()
            .map(|chance| (chance / states[likeliest]).powf(1.0 / temperature))
            .collect();
        let mut left = rng.random::<f64>() * weights.iter().sum::<f64>();
        let chosen = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        chosen.unwrap_or(weights.len() - 1) as u32
    }
}

/// A step of a chain: what is done to which state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub state: u32,
    pub operation: Operation,
    pub argument: u32,
    /// The right next state.
    pub correct: u32,
}

/// A step as a teacher answered it.
pub(super) struct Answered {
    pub step: Step,
    /// The state that it gave.
    pub result: u32,
    /// The probability of each state.
    pub distribution: Vec<f64>,
}
