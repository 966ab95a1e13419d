//! How a training runs: optimiser, learning rate over time, length, clipping.

use serde::{Deserialize, Serialize};

use crate::{Error, Float, Kind, Optimizer, Precision, Result};

/// A training, apart from its data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The optimiser, always starting fresh.
    pub optimizer: Optimizer,
    /// The learning rate where the schedule's factor is 1.
    pub learning_rate: f64,
    /// The factor over time.
    pub schedule: Schedule,
    /// Number of steps.
    pub steps: usize,
    /// The largest L2 norm of a replica's whole gradient; `None` doesn't clip.
    pub clip_norm: Option<f64>,
    /// What the numbers are kept in.
    #[serde(default)]
    pub precision: Precision,
    /// How memory is saved.
    #[serde(default)]
    pub memory: Memory,
}

/// Ways to train with less memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Each block's weights are updated as soon as backward has passed it, so that the gradients
    /// never exist all at once. Clipping needs them all, so it excludes this.
    #[serde(default)]
    pub update_in_backward: bool,
    /// Activations within blocks are computed again in backward instead of kept, for about a third
    /// more time.
    #[serde(default)]
    pub activation_checkpointing: bool,
}

impl Memory {
    /// Whether backward goes block by block.
    pub(crate) fn by_block(self) -> bool {
        self.update_in_backward || self.activation_checkpointing
    }
}

/// The learning rate's factor over time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Steps over which the factor rises from 1/n to 1, besides its decay; 0 for none.
    pub warmup_steps: usize,
    /// How it falls.
    pub decay: Decay,
}

/// How the learning rate falls over a training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Decay {
    /// Not at all.
    Constant,
    /// In a straight line towards 0 at the last step, not below `floor`.
    Linear {
        /// The least factor, 0 to 1.
        floor: f64,
    },
    /// Along half a cosine, towards 0 at the last step.
    Cosine,
}

impl Schedule {
    /// No warm-up, no decay.
    pub const CONSTANT: Self = Self {
        warmup_steps: 0,
        decay: Decay::Constant,
    };

    /// The factor at a step, counted from 0, of a training of `steps` steps.
    pub fn factor(&self, step: usize, steps: usize) -> f64 {
        let warmup = match self.warmup_steps {
            0 => 1.0,
            warmup => ((step + 1) as f64 / warmup as f64).min(1.0),
        };
        let progress = step as f64 / steps.max(1) as f64;
        warmup
            * match self.decay {
                Decay::Constant => 1.0,
                Decay::Linear { floor } => (1.0 - progress).max(floor),
                Decay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
            }
    }
}

impl Recipe {
    /// A recipe of no steps, for what only needs a model's gradients in its own precision.
    pub(crate) fn for_gradients(kind: Kind, memory: Memory) -> Self {
        let weights = match kind {
            Kind::BFloat16 => Float::Bfloat16,
            _ => Float::Float32,
        };
        Self {
            optimizer: Optimizer::Lion {
                beta1: 0.0,
                beta2: 0.0,
                weight_decay: 0.0,
            },
            learning_rate: 0.0,
            schedule: Schedule::CONSTANT,
            steps: 0,
            clip_norm: None,
            precision: Precision {
                weights,
                ..Precision::FLOAT32
            },
            memory,
        }
    }

    /// The learning rate at a step, counted from 0.
    pub fn rate(&self, step: usize) -> f64 {
        self.learning_rate * self.schedule.factor(step, self.steps)
    }

    /// Refuses numbers outside their ranges.
    ///
    /// # Errors
    /// [`Error::Argument`] naming the number.
    pub fn check(&self) -> Result<()> {
        self.optimizer.check()?;
        if !(self.learning_rate >= 0.0 && self.learning_rate.is_finite()) {
            return Err(Error::argument(
                "learning rate",
                "0 or more",
                self.learning_rate,
            ));
        }
        if let Some(norm) = self.clip_norm
            && !(norm > 0.0 && norm.is_finite())
        {
            return Err(Error::argument("clip norm", "above 0", norm));
        }
        if let Some(norm) = self.clip_norm
            && self.memory.update_in_backward
        {
            let expected = "none with update_in_backward, as the whole gradient never exists";
            return Err(Error::argument("clip norm", expected, norm));
        }
        self.precision.check()?;
        match self.schedule.decay {
            Decay::Linear { floor } if !(0.0..=1.0).contains(&floor) => {
                Err(Error::argument("decay floor", "0 to 1", floor))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(warmup_steps: usize, decay: Decay, steps: usize) -> Vec<f64> {
        let schedule = Schedule {
            warmup_steps,
            decay,
        };
        (0..steps)
            .map(|step| schedule.factor(step, steps))
            .collect()
    }

    #[track_caller]
    fn assert_close(got: &[f64], expected: &[f64]) {
        assert_eq!(got.len(), expected.len());
        let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
        assert!(
            got.iter().zip(expected).all(near),
            "{got:?} is not {expected:?}"
        );
    }

    #[test]
    fn factors_rise_and_fall_as_written() {
        assert_close(&factors(0, Decay::Constant, 3), &[1.0, 1.0, 1.0]);
        assert_close(&factors(2, Decay::Constant, 3), &[0.5, 1.0, 1.0]);
        let linear = Decay::Linear { floor: 0.3 };
        assert_close(&factors(0, linear, 5), &[1.0, 0.8, 0.6, 0.4, 0.3]);
        assert_close(&factors(4, linear, 4), &[0.25, 0.5 * 0.75, 0.75 * 0.5, 0.3]);
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let cosine = [1.0, 0.5 * (1.0 + half), 0.5, 0.5 * (1.0 - half)];
        assert_close(&factors(0, Decay::Cosine, 4), &cosine);
    }

    #[test]
    fn recipes_survive_text_and_refuse_unknown_keys() {
        let text = r#"{"optimizer":{"adamw":{"beta1":0.9,"beta2":0.98,"epsilon":1e-8,"weight_decay":0.01}},
            "learning_rate":0.003,"schedule":{"warmup_steps":100,"decay":{"linear":{"floor":0.02}}},
            "steps":800,"clip_norm":1.0}"#;
        let recipe: Recipe = serde_json::from_str(text).unwrap();
        assert_eq!(recipe.schedule.decay, Decay::Linear { floor: 0.02 });
        recipe.check().unwrap();
        let again = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&again).unwrap(), recipe);
        let unknown = text.replace("epsilon", "eps");
        let message = serde_json::from_str::<Recipe>(&unknown)
            .unwrap_err()
            .to_string();
        assert!(message.contains("unknown field `eps`"), "{message}");
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let optimizer = Optimizer::Lion {
            beta1: 0.9,
            beta2: 1.0,
            weight_decay: 0.0,
        };
        let recipe = Recipe {
            optimizer,
            learning_rate: 1e-3,
            schedule: Schedule::CONSTANT,
            steps: 1,
            clip_norm: Some(0.0),
            precision: Precision::FLOAT32,
            memory: Memory::default(),
        };
        let message = recipe.check().unwrap_err().to_string();
        assert_eq!(message, "beta2: expected from 0 to below 1, got 1");
        let optimizer = Optimizer::Lion {
            beta1: 0.9,
            beta2: 0.99,
            weight_decay: 0.0,
        };
        let message = Recipe {
            optimizer,
            ..recipe
        }
        .check()
        .unwrap_err()
        .to_string();
        assert_eq!(message, "clip norm: expected above 0, got 0");
    }

    #[test]
    fn what_excludes_each_other_is_told() {
        let text = r#"{"optimizer":{"lion":{"beta1":0.9,"beta2":0.99,"weight_decay":0.0}},
            "learning_rate":1e-6,"schedule":{"warmup_steps":0,"decay":"constant"},"steps":1,
            "precision":{"weights":"bfloat16","master":true,"states":"bfloat16"},
            "memory":{"update_in_backward":true}}"#;
        let recipe: Recipe = serde_json::from_str(text).unwrap();
        recipe.check().unwrap();
        let clipped = Recipe {
            clip_norm: Some(1.0),
            ..recipe
        };
        let message = clipped.check().unwrap_err().to_string();
        assert_eq!(
            message,
            "clip norm: expected none with update_in_backward, as the whole gradient never exists, got 1"
        );
        let precision = Precision {
            master: true,
            ..Precision::FLOAT32
        };
        let message = Recipe {
            precision,
            ..recipe
        }
        .check()
        .unwrap_err()
        .to_string();
        assert!(
            message.starts_with("master copy: expected bfloat16"),
            "{message}"
        );
    }
}
