//! Backward block by block gives the gradients of all at once, and updates on the way the weights.

#![allow(clippy::unwrap_used)]

mod support;

use std::ops::ControlFlow;

use picklock_lm::{
    Float, Kind, Memory, Model, Optimizer, Precision, Recipe, Schedule, Tensor, gradients, train,
};
use support::{From, apart, batch, families, ids};

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

const LION: Optimizer = Optimizer::Lion {
    beta1: 0.9,
    beta2: 0.99,
    weight_decay: 0.0,
};

fn recipe(optimizer: Optimizer, learning_rate: f64) -> Recipe {
    Recipe {
        optimizer,
        learning_rate,
        schedule: Schedule::CONSTANT,
        steps: 5,
        clip_norm: None,
        precision: Precision::FLOAT32,
        memory: Memory::default(),
    }
}

fn trained(model: &Model, recipe: &Recipe) -> Model {
    let batch = batch(&ids(7, model.replicas() as usize, 4, 10));
    let mut batches = From(|_| batch.shallow_clone());
    let mut go = |_| ControlFlow::Continue(());
    train(model, recipe, &mut batches, &[], &mut go)
        .unwrap()
        .model
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
    let adamw = Optimizer::AdamW {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.01,
    };
    for (models, _) in families() {
        for optimizer in [adamw, LION] {
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
        let slopes = gradients(&start, &batch, Memory::default()).unwrap();
        for ((name, a), (_, b)) in start.weights().iter().zip(end.weights().iter()) {
            let differs = a
                .to_kind(Kind::Float)
                .not_equal_tensor(&b.to_kind(Kind::Float));
            changed += differs.sum(Kind::Int64).int64_value(&[]);
            let nonzero: Tensor = slopes.get(name).unwrap().not_equal(0.0);
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
