//! Backward block by block gives the gradients of all at once, and updates on the way the weights.

#![allow(clippy::unwrap_used)]

mod support;

use picklock_lm::{Kind, Model, Tensor, gradients};
use picklock_sdk::{Float, Memory, Optimizer, Precision, Recipe};

use support::{ADAMW, LION, apart, batch, families, ids, train};

const WAYS: [Memory; 3] = [
    Memory {
        update_in_backward: true,
        activation_checkpointing: false,
    },
    Memory {
        update_in_backward: false,
        activation_checkpointing: true,
    },
    Memory {
        update_in_backward: true,
        activation_checkpointing: true,
    },
];

fn recipe(optimizer: Optimizer, learning_rate: f64) -> Recipe {
    Recipe::new(optimizer, learning_rate, 5, 4)
}

fn trained(model: &Model, recipe: &Recipe) -> Model {
    let batch = batch(&ids(7, model.replicas() as usize, 4, 10));
    train(model, recipe, |_| batch.shallow_clone()).model
}

#[test]
fn gradients_are_those_of_all_at_once() {
    for (models, stack) in families() {
        for model in [&models[0], &stack] {
            let batch = batch(&ids(6, model.replicas() as usize, 4, 10));
            let whole = gradients(model, &batch, Memory::default()).unwrap();
            for memory in WAYS {
                let parts = gradients(model, &batch, memory).unwrap();
                assert_eq!(whole.len(), parts.len());
                for ((name, a), (_, b)) in whole.iter().zip(parts.iter()) {
                    assert!(apart(a, b) < 1e-6, "{name}: {}", apart(a, b));
                }
            }
        }
    }
}

#[test]
fn updates_on_the_way_are_those_at_the_end() {
    for (models, _) in families() {
        for optimizer in [ADAMW, LION] {
            let whole = trained(&models[0], &recipe(optimizer, 1e-4));
            for memory in WAYS {
                let recipe = Recipe {
                    memory,
                    ..recipe(optimizer, 1e-4)
                };
                let parts = trained(&models[0], &recipe);
                for ((name, a), (_, b)) in whole.weights().iter().zip(parts.weights().iter()) {
                    // Lion takes whole steps wherever a gradient's sign hangs on rounding.
                    assert!(apart(a, b) < 3e-4, "{name}: {}", apart(a, b));
                }
            }
        }
    }
}

/// At the post's rate nearly all updates of pure bfloat16 weights round to nothing; a float32 master
/// copy keeps them.
#[test]
fn a_master_copy_keeps_small_updates() {
    let (models, _) = families().into_iter().next().unwrap();
    let start = models[0].to_kind(Kind::BFloat16).unwrap();
    let share = |master: bool| {
        let precision = Precision {
            weights: Float::Bfloat16,
            master,
            states: Float::Bfloat16,
        };
        let recipe = Recipe {
            precision,
            steps: 1,
            ..recipe(LION, 1.5e-6)
        };
        let end = trained(&start, &recipe);
        assert_eq!(end.compute(), Kind::BFloat16);
        let kind = if master { Kind::Float } else { Kind::BFloat16 };
        assert_eq!(end.kind(), kind);
        let (mut changed, mut moved, mut all) = (0, 0, 0);
        let batch = batch(&ids(7, 1, 4, 10));
        let own = gradients(&start, &batch, Memory::default()).unwrap();
        for ((name, a), (_, b)) in start.weights().iter().zip(end.weights().iter()) {
            let differs = a
                .to_kind(Kind::Float)
                .not_equal_tensor(&b.to_kind(Kind::Float));
            changed += differs.sum(Kind::Int64).int64_value(&[]);
            let nonzero: Tensor = own.get(name).unwrap().not_equal(0.0);
            moved += nonzero.sum(Kind::Int64).int64_value(&[]);
            all += a.numel() as i64;
        }
        assert!(moved * 2 > all, "most gradients are not 0");
        changed as f64 / moved as f64
    };
    let (pure, with_master) = (share(false), share(true));
    assert!(pure < 0.1, "{pure}");
    assert!(with_master > 0.99, "{with_master}");
}
