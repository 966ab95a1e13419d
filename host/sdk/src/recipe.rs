//! How weights are trained.

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RVec};
use serde::{Deserialize, Serialize};

use crate::LabError;

/// The optimiser and its constants; weight decay is decoupled.
#[repr(C, u8)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// `AdamW` (Loshchilov and Hutter 2019).
    AdamW {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Decoupled weight decay, on every parameter.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Lion (Chen et al. 2023).
    Lion {
        /// Interpolation of the update.
        beta1: f64,
        /// Decay of the momentum.
        beta2: f64,
        /// Decoupled weight decay, on every parameter.
        #[serde(default)]
        weight_decay: f64,
    },
}

/// How the learning rate falls after the warm-up.
#[repr(u8)]
#[derive(StableAbi, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// It stays.
    #[default]
    Constant,
    /// Linearly over all steps, to 2% of the rate at least.
    Linear,
    /// Along half a cosine to 0.
    Cosine,
}

/// A floating-point type, under torch's name.
#[repr(u8)]
#[derive(StableAbi, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Float {
    /// 32 bits.
    #[default]
    Float32,
    /// 16 bits, 8 of them exponent.
    Bfloat16,
}

/// What numbers are kept in. At small learning rates it is a condition of its own: most updates of
/// pure bfloat16 weights round to nothing.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Precision {
    /// What forward and backward compute in, and the weights that they read.
    #[serde(default)]
    pub weights: Float,
    /// Whether updates go to a float32 copy, of which bfloat16 weights are the rounding. The copy
    /// is the model that training hands back.
    #[serde(default)]
    pub master: bool,
    /// The optimiser's averages.
    #[serde(default)]
    pub states: Float,
}

/// Ways to train with less memory; the results are the same.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Each block's weights are updated as soon as backward has passed it, so that the gradients
    /// never exist all at once; excludes `clip_norm`.
    #[serde(default)]
    pub update_in_backward: bool,
    /// Activations within blocks are computed again in backward instead of kept.
    #[serde(default)]
    pub activation_checkpointing: bool,
}

/// How weights are trained: full weights, loss the weighted mean cross-entropy of answer tokens.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The optimiser, started afresh.
    pub optimizer: Optimizer,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps of linear warm-up.
    #[serde(default)]
    pub warmup_steps: u32,
    /// What follows the warm-up.
    #[serde(default)]
    pub decay: Decay,
    /// Optimiser steps; 0 where something else says how many.
    #[serde(default)]
    pub steps: u32,
    /// Rows a step.
    pub batch: u32,
    /// Largest global gradient norm.
    #[serde(default = "no_clip")]
    pub clip_norm: ROption<f64>,
    /// What weights and averages are kept in.
    #[serde(default, skip_serializing_if = "is_default")]
    pub precision: Precision,
    /// How memory is saved.
    #[serde(default, skip_serializing_if = "is_default")]
    pub memory: Memory,
    /// Steps after which to hand back a copy; 0 is the start.
    #[serde(default)]
    pub snapshots: RVec<u32>,
}

/// Keys that say nothing new are left out, so that a recipe's hash is what it was before there were
/// such keys.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn no_clip() -> ROption<f64> {
    ROption::RNone
}

impl Optimizer {
    fn problem(&self) -> Option<String> {
        let (Self::AdamW {
            beta1,
            beta2,
            weight_decay,
        }
        | Self::Lion {
            beta1,
            beta2,
            weight_decay,
        }) = self;
        for (name, beta) in [("beta1", beta1), ("beta2", beta2)] {
            if !(0.0..1.0).contains(beta) {
                return Some(format!("{name} is {beta}, expected from 0 to below 1"));
            }
        }
        let is_in_range = weight_decay.is_finite() && *weight_decay >= 0.0;
        (!is_in_range).then(|| format!("weight_decay is {weight_decay}, expected a number from 0"))
    }
}

impl Recipe {
    /// A recipe at a constant rate, without clipping, in float32.
    pub fn new(optimizer: Optimizer, learning_rate: f64, steps: u32, batch: u32) -> Self {
        Self {
            optimizer,
            learning_rate,
            warmup_steps: 0,
            decay: Decay::Constant,
            steps,
            batch,
            clip_norm: ROption::RNone,
            precision: Precision::default(),
            memory: Memory::default(),
            snapshots: RVec::new(),
        }
    }

    /// Refuses values out of range, and those that exclude each other.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), with a message that starts with the key.
    pub fn check(&self) -> Result<(), LabError> {
        self.problem()
            .map_or(Ok(()), |problem| Err(LabError::invalid(problem)))
    }

    fn problem(&self) -> Option<String> {
        let (rate, steps, batch) = (self.learning_rate, self.steps, self.batch);
        let is_above_0 = |number: f64| number.is_finite() && number > 0.0;
        if !is_above_0(rate) {
            return Some(format!(
                "learning_rate is {rate}, expected a number above 0"
            ));
        }
        if let Some(problem) = self.optimizer.problem() {
            return Some(problem);
        }
        if !(1..=10_000_000).contains(&steps) {
            return Some(format!(
                "steps is {steps} or missing, expected 1 to 10,000,000"
            ));
        }
        if !(1..=65_536).contains(&batch) {
            return Some(format!("batch is {batch}, expected 1 to 65,536"));
        }
        if let Some(step) = self.snapshots.iter().find(|step| **step > steps) {
            return Some(format!(
                "snapshots: step {step} is beyond the last, {steps}"
            ));
        }
        if let ROption::RSome(norm) = self.clip_norm {
            if !is_above_0(norm) {
                return Some(format!("clip_norm is {norm}, expected a number above 0"));
            }
            if self.memory.update_in_backward {
                return Some(format!(
                    "clip norm: expected none with update_in_backward, as the whole gradient never \
                     exists, got {norm}"
                ));
            }
        }
        let is_own_master = self.precision.master && self.precision.weights == Float::Float32;
        is_own_master.then(|| {
            "master copy: expected bfloat16 weights beside it, got float32 weights, which are their own"
                .to_string()
        })
    }

    /// The same with copies after these steps, in this order, without restarting the optimiser.
    #[must_use]
    pub fn snapshots(mut self, steps: impl IntoIterator<Item = u32>) -> Self {
        self.snapshots = steps.into_iter().collect();
        self
    }

    /// The same over this many steps.
    #[must_use]
    pub fn steps(mut self, steps: u32) -> Self {
        self.steps = steps;
        self
    }

    /// The same at `factor` times the learning rate.
    #[must_use]
    pub fn rate_times(mut self, factor: f64) -> Self {
        self.learning_rate *= factor;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LION: Optimizer = Optimizer::Lion {
        beta1: 0.9,
        beta2: 0.99,
        weight_decay: 0.0,
    };

    #[track_caller]
    fn refused(edit: impl FnOnce(&mut Recipe), expected: &str) {
        let mut recipe = Recipe::new(LION, 1e-3, 2, 1);
        recipe.check().unwrap();
        edit(&mut recipe);
        assert_eq!(recipe.check().unwrap_err().message, expected);
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let lion = |beta2, weight_decay| Optimizer::Lion {
            beta1: 0.9,
            beta2,
            weight_decay,
        };
        refused(
            |recipe| recipe.learning_rate = f64::INFINITY,
            "learning_rate is inf, expected a number above 0",
        );
        refused(
            |recipe| recipe.optimizer = lion(1.0, 0.0),
            "beta2 is 1, expected from 0 to below 1",
        );
        refused(
            |recipe| recipe.optimizer = lion(0.99, -1.0),
            "weight_decay is -1, expected a number from 0",
        );
        refused(
            |recipe| recipe.steps = 0,
            "steps is 0 or missing, expected 1 to 10,000,000",
        );
        refused(
            |recipe| recipe.batch = 0,
            "batch is 0, expected 1 to 65,536",
        );
        refused(
            |recipe| recipe.snapshots = [0, 3].into_iter().collect(),
            "snapshots: step 3 is beyond the last, 2",
        );
        refused(
            |recipe| recipe.clip_norm = ROption::RSome(0.0),
            "clip_norm is 0, expected a number above 0",
        );
    }

    #[test]
    fn what_excludes_each_other_is_named() {
        refused(
            |recipe| {
                recipe.clip_norm = ROption::RSome(1.0);
                recipe.memory.update_in_backward = true;
            },
            "clip norm: expected none with update_in_backward, as the whole gradient never exists, \
             got 1",
        );
        refused(
            |recipe| recipe.precision.master = true,
            "master copy: expected bfloat16 weights beside it, got float32 weights, which are their \
             own",
        );
        let mut recipe = Recipe::new(LION, 1e-3, 1, 1);
        recipe.precision = Precision {
            weights: Float::Bfloat16,
            master: true,
            states: Float::Bfloat16,
        };
        recipe.memory.update_in_backward = true;
        recipe.check().unwrap();
    }

    #[test]
    fn recipes_survive_text_and_refuse_unknown_keys() {
        let text = r#"{"optimizer":{"adamw":{"beta1":0.9,"beta2":0.98,"weight_decay":0.01}},
            "learning_rate":0.003,"warmup_steps":100,"decay":"linear","steps":800,"batch":2,
            "clip_norm":1.0}"#;
        let recipe: Recipe = serde_json::from_str(text).unwrap();
        assert_eq!(recipe.decay, Decay::Linear);
        recipe.check().unwrap();
        let again = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&again).unwrap(), recipe);
        let unknown = text.replace("warmup_steps", "warmup");
        let error = serde_json::from_str::<Recipe>(&unknown).unwrap_err();
        assert!(
            error.to_string().contains("unknown field `warmup`"),
            "{error}"
        );
    }
}
