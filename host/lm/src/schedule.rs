//! The learning rate over time.

use picklock_sdk::{Decay, Recipe};

/// The least factor of a linear decay.
const FLOOR: f64 = 0.02;

/// The learning rate at a step, counted from 0.
pub(crate) fn learning_rate(recipe: &Recipe, step: usize) -> f64 {
    let warmup = match recipe.warmup_steps {
        0 => 1.0,
        warmup => ((step + 1) as f64 / f64::from(warmup)).min(1.0),
    };
    let progress = step as f64 / f64::from(recipe.steps.max(1));
    let factor = warmup
        * match recipe.decay {
            Decay::Constant => 1.0,
            Decay::Linear => (1.0 - progress).max(FLOOR),
            Decay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
        };
    recipe.learning_rate * factor
}

#[cfg(test)]
mod tests {
    use picklock_sdk::Optimizer;

    use super::*;

    #[track_caller]
    fn assert_factors(warmup_steps: u32, decay: Decay, expected: &[f64]) {
        let optimizer = Optimizer::Lion {
            beta1: 0.9,
            beta2: 0.99,
            weight_decay: 0.0,
        };
        let recipe = Recipe {
            warmup_steps,
            decay,
            ..Recipe::new(optimizer, 2.0, expected.len() as u32, 1)
        };
        for (step, expected) in expected.iter().enumerate() {
            let factor = learning_rate(&recipe, step) / 2.0;
            assert!((factor - expected).abs() < 1e-12, "step {step}: {factor}");
        }
    }

    #[test]
    fn factors_rise_and_fall_as_written() {
        assert_factors(0, Decay::Constant, &[1.0, 1.0, 1.0]);
        assert_factors(2, Decay::Constant, &[0.5, 1.0, 1.0]);
        assert_factors(0, Decay::Linear, &[1.0, 0.8, 0.6, 0.4, 0.2]);
        assert_factors(4, Decay::Linear, &[0.25, 0.5 * 0.75, 0.75 * 0.5, 0.25]);
        let hundred: Vec<f64> = (0..100).map(|step| 1.0 - f64::from(step) / 100.0).collect();
        assert_factors(0, Decay::Linear, &[&hundred[..99], &[0.02]].concat());
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let cosine = [1.0, 0.5 * (1.0 + half), 0.5, 0.5 * (1.0 - half)];
        assert_factors(0, Decay::Cosine, &cosine);
    }
}
