//! The recipes of plugins and organism files, in the language models' own terms.

use picklock_lm::{Decay, Float, Memory, Optimizer, Precision, Schedule};
use picklock_sdk::Recipe;

/// The recipe in the language models' own terms.
pub fn lm_recipe(recipe: &Recipe) -> picklock_lm::Recipe {
    let optimizer = match recipe.optimizer {
        picklock_sdk::Optimizer::AdamW {
            beta1,
            beta2,
            weight_decay,
        } => Optimizer::AdamW {
            beta1,
            beta2,
            epsilon: 1e-8,
            weight_decay,
        },
        picklock_sdk::Optimizer::Lion {
            beta1,
            beta2,
            weight_decay,
        } => Optimizer::Lion {
            beta1,
            beta2,
            weight_decay,
        },
    };
    let decay = match recipe.decay {
        picklock_sdk::Decay::Constant => Decay::Constant,
        picklock_sdk::Decay::Linear => Decay::Linear { floor: 0.02 },
        picklock_sdk::Decay::Cosine => Decay::Cosine,
    };
    picklock_lm::Recipe {
        optimizer,
        learning_rate: recipe.learning_rate,
        schedule: Schedule {
            warmup_steps: recipe.warmup_steps as usize,
            decay,
        },
        steps: recipe.steps as usize,
        clip_norm: recipe.clip_norm.into_option(),
        precision: Precision {
            weights: float(recipe.precision.weights),
            master: recipe.precision.master,
            states: float(recipe.precision.states),
        },
        memory: Memory {
            update_in_backward: recipe.memory.update_in_backward,
            activation_checkpointing: recipe.memory.activation_checkpointing,
        },
    }
}

fn float(float: picklock_sdk::Float) -> Float {
    match float {
        picklock_sdk::Float::Float32 => Float::Float32,
        picklock_sdk::Float::Bfloat16 => Float::Bfloat16,
    }
}
