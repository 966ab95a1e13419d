//! How weights are trained.

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RVec};
use serde::{Deserialize, Serialize};

/// The optimiser and its constants; weight decay is decoupled.
#[repr(C, u8)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
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

impl Recipe {
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
