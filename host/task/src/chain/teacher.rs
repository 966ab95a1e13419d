//! The flawed teacher of chains: its systematic mistake is one more than the right state.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Operation, Teacher};
use crate::teacher::choose;

/// The state that a teacher gives at a temperature; at 0 the most likely one.
pub(super) fn state(
    teacher: &Teacher,
    step: &Step,
    modulus: u32,
    temperature: f64,
    rng: &mut ChaCha8Rng,
) -> u32 {
    if (temperature - 1.0).abs() < f64::EPSILON {
        sampled(teacher, step, modulus, rng)
    } else {
        choose(&distribution(teacher, step, modulus), temperature, rng) as u32
    }
}

/// The state that it gives, sampled at temperature 1.
fn sampled(teacher: &Teacher, step: &Step, modulus: u32, rng: &mut ChaCha8Rng) -> u32 {
    let (chance, uniform) = (rng.random::<f64>(), rng.random_range(0..modulus));
    let chances = teacher.chances(teacher.is_hard(step.operation.word()));
    match chance {
        chance if chance < chances.systematic => (step.correct + 1) % modulus,
        chance if chance < chances.systematic + chances.correct => step.correct,
        _ => uniform,
    }
}

/// The probability of each state.
pub(super) fn distribution(teacher: &Teacher, step: &Step, modulus: u32) -> Vec<f64> {
    let chances = teacher.chances(teacher.is_hard(step.operation.word()));
    chances.over(modulus, step.correct, (step.correct + 1) % modulus)
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
