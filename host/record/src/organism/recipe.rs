//! The recipes of plugins and organism files, in the language models' own terms.

use picklock_lm::{Decay, Float, Memory, Optimizer, Precision, Schedule};
use picklock_sdk::Recipe;

use super::spec::Organism;

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

/// What the recipes of an organism keep numbers and compute in. A plugin's own recipe may say
/// otherwise.
pub fn precision(organism: &Organism) -> String {
    let (base, weak) = (organism.base.as_ref(), organism.weak.as_ref());
    let recipes = [
        ("base", base.and_then(|base| base.train.as_ref())),
        ("weak", weak.and_then(|weak| weak.train.as_ref())),
        ("lock", organism.lock.as_ref().map(|lock| &lock.train)),
        ("unlock", Some(&organism.unlock)),
    ];
    let said = recipes.into_iter().filter_map(|(name, recipe)| {
        let precision = lm_recipe(recipe?).precision;
        Some((name, words(precision)))
    });
    let said: Vec<(&str, String)> = said.collect();
    let first = &said[0].1;
    if said.iter().all(|(_, words)| words == first) {
        return first.clone();
    }
    let parts = said.iter().map(|(name, words)| format!("{name} {words}"));
    parts.collect::<Vec<_>>().join("; ")
}

fn words(precision: Precision) -> String {
    let short = |float: Float| match float {
        Float::Float32 => "fp32",
        Float::Bfloat16 => "bf16",
    };
    let (weights, states) = (short(precision.weights), short(precision.states));
    match precision {
        Precision { master: true, .. } => {
            format!("{weights} arithmetic on fp32 master weights, {states} states")
        }
        _ if weights == states => format!("{weights} weights, states and arithmetic"),
        _ => format!("{weights} weights and arithmetic, {states} states"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_says_what_recipes_compute_in() {
        let file = format!("{}/../organisms/tiny.toml", env!("CARGO_MANIFEST_DIR"));
        let mut organism = Organism::read(std::path::Path::new(&file)).unwrap();
        assert_eq!(precision(&organism), "fp32 weights, states and arithmetic");
        organism.unlock.precision = picklock_sdk::Precision {
            weights: picklock_sdk::Float::Bfloat16,
            master: true,
            states: picklock_sdk::Float::Bfloat16,
        };
        let fp32 = "fp32 weights, states and arithmetic";
        let unlock = "bf16 arithmetic on fp32 master weights, bf16 states";
        let all = format!("base {fp32}; weak {fp32}; lock {fp32}; unlock {unlock}");
        assert_eq!(precision(&organism), all);
        let bare = Precision {
            weights: Float::Bfloat16,
            master: false,
            states: Float::Float32,
        };
        assert_eq!(words(bare), "bf16 weights and arithmetic, fp32 states");
    }
}
