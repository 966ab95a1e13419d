//! Training: optimisers against their formulas, stopping, and what is refused.

#![allow(clippy::unwrap_used)]

mod support;

use std::ops::ControlFlow;

use picklock_lm::{
    Batch, Decoding, Device, Error, Kind, Model, Result, Rows, Side, Targets, Tensor, Trained,
    Trainer, generate, gradients, logits, loss, train,
};
use picklock_sdk::{Memory, Optimizer, Recipe};

use support::{From, apart, assert_same, batch, gpt2, ids, llama, model};

const LION: Optimizer = Optimizer::Lion {
    beta1: 0.8,
    beta2: 0.95,
    weight_decay: 0.3,
};
const ADAMW: Optimizer = Optimizer::AdamW {
    beta1: 0.9,
    beta2: 0.98,
    weight_decay: 0.0,
};

fn recipe(optimizer: Optimizer, steps: u32) -> Recipe {
    Recipe::new(optimizer, 1e-3, steps, 4)
}

fn run(model: &Model, recipe: &Recipe) -> Result<Trained> {
    let mut batches = From(|_| batch(&ids(5, 1, 4, 10)));
    train(model, recipe, &mut batches, &mut |_| {
        ControlFlow::Continue(())
    })
}

/// Chen et al. 2023, algorithm 2, with the gradients of the models on the way.
#[test]
fn lion_follows_its_formula() {
    let start = model(&gpt2(), 1);
    let trained = run(&start, &recipe(LION, 3).snapshots(0..=3)).unwrap();
    let batch = batch(&ids(5, 1, 4, 10));
    let name = "transformer.h.1.mlp.c_fc.weight";
    let weight = |model: &Model| model.weights().get(name).unwrap().shallow_clone();
    let mut mean = weight(&start).zeros_like();
    for step in 0..3 {
        let before = &trained.snapshots[step];
        let gradient = gradients(before, &batch, Memory::default())
            .unwrap()
            .remove(name)
            .unwrap();
        let update = (&mean * 0.8 + &gradient * 0.2).sign() + weight(before) * 0.3;
        let expected = weight(before) - update * 1e-3;
        assert!(
            apart(&weight(&trained.snapshots[step + 1]), &expected) < 1e-6,
            "step {step}"
        );
        mean = mean * 0.95 + gradient * 0.05;
    }
}

/// The norm over all tensors is cut to the limit, and the direction stays.
#[test]
fn clipping_scales_the_whole_gradient() {
    let start = model(&llama(), 1);
    let batch = batch(&ids(5, 1, 4, 10));
    let gradients = gradients(&start, &batch, Memory::default()).unwrap();
    let squares = gradients
        .iter()
        .map(|(_, gradient)| gradient.norm().double_value(&[]).powi(2));
    let norm = squares.sum::<f64>().sqrt();
    // Of gradients far below AdamW's 1e-8, its first step is rate * gradient / 1e-8.
    for clip in [1e-11, 4e-11] {
        let clipped = Recipe {
            learning_rate: 100.0,
            clip_norm: Some(clip).into(),
            ..recipe(ADAMW, 1)
        };
        let trained = run(&start, &clipped).unwrap();
        let factor = 100.0 * clip / norm / 1e-8;
        for (name, gradient) in gradients.iter() {
            let update =
                start.weights().get(name).unwrap() - trained.model.weights().get(name).unwrap();
            let off = apart(&update, &(gradient * factor));
            assert!(off < 4e-3 * norm * factor, "{name}: {off}");
        }
    }
    let unclipped = run(&start, &recipe(ADAMW, 3)).unwrap().model;
    let wide = Recipe {
        clip_norm: Some(norm * 2.0).into(),
        ..recipe(ADAMW, 3)
    };
    assert_same(&run(&start, &wide).unwrap().model, &unclipped, 1e-6);
}

#[test]
fn training_lowers_the_loss_and_leaves_the_start_alone() {
    let start = model(&gpt2(), 1);
    let (digest, batch) = (start.digest().unwrap(), batch(&ids(5, 1, 4, 10)));
    let before = loss(&start, &batch).unwrap().double_value(&[0]);
    let trained = run(&start, &recipe(ADAMW, 60).snapshots([60, 0, 20])).unwrap();
    let after = loss(&trained.model, &batch).unwrap().double_value(&[0]);
    assert!(after < 0.5 * before, "{before} to {after}");
    assert_eq!(start.digest().unwrap(), digest);
    let digests: Vec<_> = trained
        .snapshots
        .iter()
        .map(|model| model.digest().unwrap())
        .collect();
    assert_eq!(digests[..2], [trained.model.digest().unwrap(), digest]);
    let twenty = run(&start, &recipe(ADAMW, 20)).unwrap();
    assert_eq!(digests[2], twenty.model.digest().unwrap());
}

/// Weights that are put back leave no trace, since the optimiser's state stays; others do.
#[test]
fn a_training_in_hand_goes_on_from_other_weights() {
    for architecture in [gpt2(), llama()] {
        let (start, other) = (model(&architecture, 1), model(&architecture, 2));
        let recipe = recipe(ADAMW, 3);
        let trained = run(&start, &recipe).unwrap().model;
        let by_hand = |other: Option<&Model>| {
            let mut hand = Trainer::new(&start, &recipe, Device::Cpu).unwrap();
            for step in 0..3 {
                let _ = hand.step(step, batch(&ids(5, 1, 4, 10))).unwrap();
                let own = hand.snapshot().unwrap();
                hand.replace(if step == 0 {
                    other.unwrap_or(&own)
                } else {
                    &own
                })
                .unwrap();
            }
            hand.snapshot().unwrap().digest().unwrap()
        };
        assert_eq!(by_hand(None), trained.digest().unwrap());
        assert_ne!(by_hand(Some(&other)), trained.digest().unwrap());
    }
    let (start, recipe) = (model(&gpt2(), 1), recipe(ADAMW, 3));
    let mut trainer = Trainer::new(&start, &recipe, Device::Cpu).unwrap();
    let error = trainer.replace(&model(&llama(), 1)).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("weights to put in place: expected"),
        "{error}"
    );
}

#[test]
fn it_can_be_stopped() {
    let (start, mut batches) = (model(&gpt2(), 1), From(|_| batch(&ids(5, 1, 4, 10))));
    let mut on_step = |done| {
        if done == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let error = train(&start, &recipe(ADAMW, 9), &mut batches, &mut on_step).unwrap_err();
    assert!(matches!(error, Error::Stopped { steps: 2 }), "{error}");
}

#[test]
fn a_diverged_replica_is_named() {
    let models = [model(&gpt2(), 1), model(&gpt2(), 2)];
    let stack = Model::stack(&[&models[0], &models[1]]).unwrap();
    let weights = stack.weights().iter().map(|(name, tensor)| {
        let _ = tensor.narrow(0, 1, 1).fill_(if name == "lm_head.weight" {
            f64::NAN
        } else {
            0.0
        });
        (name.to_owned(), tensor.shallow_clone())
    });
    let stack = Model::new(stack.architecture().clone(), weights.collect()).unwrap();
    let mut batches = From(|_| batch(&ids(5, 2, 4, 10)));
    let mut go = |_| ControlFlow::Continue(());
    let error = train(&stack, &recipe(ADAMW, 2), &mut batches, &mut go).unwrap_err();
    assert_eq!(
        error.to_string(),
        "replica 1: the loss after 2 steps is NaN: lower the learning rate"
    );
}

#[test]
fn bad_input_is_named() {
    let model = model(&gpt2(), 1);
    let message = |result: Result<Trained>| result.unwrap_err().to_string();
    assert_eq!(
        message(run(&model, &recipe(ADAMW, 2).snapshots([3]))),
        "snapshots: step 3 is beyond the last, 2"
    );
    assert_eq!(
        message(run(&model, &recipe(ADAMW, 0))),
        "steps is 0 or missing, expected 1 to 10,000,000"
    );
    let rows = |ids: &[Vec<Vec<u32>>]| Rows::from_ids(ids, Side::Right, Device::Cpu);
    let error = |rows: Rows| logits(&model, &rows).unwrap_err().to_string();
    assert_eq!(
        error(rows(&ids(1, 2, 1, 4)).unwrap()),
        "replicas of the rows: expected 1, got 2"
    );
    assert_eq!(
        error(rows(&ids(1, 1, 1, 27)).unwrap()),
        "row length: expected at most 26, got 27"
    );
    assert_eq!(
        error(rows(&[vec![vec![1, 19]]]).unwrap()),
        "token ids: expected 0 to 18, got 19"
    );
    let uneven = rows(&[vec![vec![1]], vec![vec![1], vec![2]]])
        .unwrap_err()
        .to_string();
    assert_eq!(uneven, "rows: expected 1 rows in each replica, got 2");
    let decoding = Decoding {
        temperature: 1.0,
        ..Decoding::greedy(4)
    };
    let prompts = rows(&ids(1, 1, 2, 4)).unwrap();
    let missing = generate(&model, &prompts, &decoding, None)
        .unwrap_err()
        .to_string();
    assert_eq!(missing, "uniforms: expected [1, 2, 4], got none");
    let long = rows(&ids(1, 1, 2, 24)).unwrap();
    let long = generate(&model, &long, &decoding, None)
        .unwrap_err()
        .to_string();
    assert_eq!(long, "row length: expected at most 26, got 27");
}

#[test]
fn targets_are_checked() {
    let size = [2, 1, 3];
    let whole = |value: i64| Tensor::full(size, value, (Kind::Int64, Device::Cpu));
    let weights = |second: f32| Tensor::from_slice(&[1.0, 0.0, 2.0, 0.0, second, 0.0]).view_(size);
    let new = |weights| Targets::new(whole(0), whole(1), weights, None);
    assert!(new(weights(1.0)).is_ok());
    let message = new(weights(0.0)).unwrap_err().to_string();
    assert_eq!(
        message,
        "replica 1: the target weights sum to 0: expected more than 0"
    );
    assert_eq!(
        new(weights(-1.0)).unwrap_err().to_string(),
        "weights: expected 0 or more, got a negative one"
    );
    let short = Tensor::ones([2, 1, 2], (Kind::Float, Device::Cpu));
    assert_eq!(
        new(short).unwrap_err().to_string(),
        "weights: expected [2, 1, 3], got [2, 1, 2]"
    );
    let rows = Rows::from_ids(&ids(1, 2, 1, 4), Side::Right, Device::Cpu).unwrap();
    let targets = Targets::new(whole(4), whole(1), weights(1.0), None).unwrap();
    let both = Model::stack(&[&model(&gpt2(), 1), &model(&gpt2(), 2)]).unwrap();
    let message = loss(&both, &Batch { rows, targets })
        .unwrap_err()
        .to_string();
    assert_eq!(message, "positions: expected 0 to 3, got 4");
}
