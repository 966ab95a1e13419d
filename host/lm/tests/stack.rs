//! A stack of three different models does what the three do one by one.

#![allow(clippy::unwrap_used)]

mod support;

use picklock_lm::{
    Device, Kind, Model, Rows, Side, Soft, Tensor, Trained, distributions, logits, logits_at, loss,
    token_log_probs,
};
use picklock_sdk::{Decay, Memory, Optimizer, Recipe};

use support::{
    Noise, apart, assert_same, batch, families, gpt2, ids, is_key_bias, llama, model, only,
    relative, train,
};

#[test]
fn replicas_come_back_out() {
    for (models, stack) in families() {
        for (index, model) in models.iter().enumerate() {
            assert_same(&stack.replica(index as i64).unwrap(), model, 0.0);
        }
        assert_eq!(stack.parameter_count(), models[0].parameter_count());
        let message = stack.replica(3).unwrap_err().to_string();
        assert_eq!(message, "replica: expected 0 to 2, got 3");
    }
}

#[test]
fn one_model_is_shared_and_not_copied() {
    let model = model(&gpt2(), 1);
    let name = "transformer.wte.weight";
    let stack = Model::stack(&[&model]).unwrap();
    let pointer = |model: &Model| model.weights().get(name).unwrap().data_ptr();
    assert_eq!(pointer(&stack), pointer(&model));
    assert_eq!(pointer(&model.replica(0).unwrap()), pointer(&model));
}

#[test]
fn different_architectures_do_not_stack() {
    let message = Model::stack(&[&model(&gpt2(), 1), &model(&llama(), 1)])
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("models to stack: expected Gpt2("),
        "{message}"
    );
}

#[test]
fn logits_agree() {
    for (models, stack) in families() {
        let ids = ids(5, 3, 4, 10);
        let rows = Rows::from_ids(&ids, Side::Right, Device::Cpu).unwrap();
        let all = logits(&stack, &rows).unwrap();
        for (index, model) in models.iter().enumerate() {
            let rows = Rows::from_ids(&only(&ids, index), Side::Right, Device::Cpu).unwrap();
            let off = apart(
                &all.narrow(0, index as i64, 1),
                &logits(model, &rows).unwrap(),
            );
            assert!(off < 1e-5, "replica {index}: {off}");
        }
    }
}

/// Different positions in each row, in no order: the same numbers as among the logits of all.
#[test]
fn logits_at_positions_are_those_of_all() {
    for (_, stack) in families() {
        let rows = Rows::from_ids(&ids(5, 3, 2, 10), Side::Right, Device::Cpu).unwrap();
        let mut noise = Noise(9);
        let positions: Vec<i64> = (0..18).map(|_| noise.below(10) as i64).collect();
        let positions = Tensor::from_slice(&positions).view_([3, 2, 3]);
        let index = positions.unsqueeze(-1).expand([3, 2, 3, 19], false);
        let expected = logits(&stack, &rows).unwrap().gather(2, &index, false);
        let got = logits_at(&stack, &rows, &positions).unwrap();
        assert!(apart(&got, &expected) < 1e-5);
        let probabilities = distributions(&stack, &rows, &positions, 0.5).unwrap();
        assert!(apart(&probabilities, &(expected * 2.0).softmax(-1, Kind::Float)) < 1e-5);
    }
}

#[test]
fn losses_are_the_weighted_means_of_token_log_probs() {
    for (_, stack) in families() {
        let batch = batch(&ids(6, 3, 4, 10));
        let log_probs = token_log_probs(&stack, &batch).unwrap();
        let everywhere = logits(&stack, &batch.rows)
            .unwrap()
            .log_softmax(-1, Kind::Float);
        let place =
            everywhere
                .narrow(2, 5, 4)
                .gather(3, &batch.targets.labels.unsqueeze(-1), false);
        assert!(apart(&log_probs, &place.squeeze_dim(-1)) < 1e-5);
        let weights = &batch.targets.weights;
        let sums = (&log_probs * weights).sum_dim_intlist([1, 2].as_slice(), false, Kind::Float);
        let expected = -sums / weights.sum_dim_intlist([1, 2].as_slice(), false, Kind::Float);
        assert!(apart(&loss(&stack, &batch).unwrap(), &expected) < 1e-5);
    }
}

/// Soft rows: a one-hot distribution is its label, and a flat one the mean over the vocabulary.
#[test]
fn soft_rows_use_their_distributions() {
    for (_, stack) in families() {
        let hard = batch(&ids(6, 3, 4, 10));
        let labels = hard.targets.labels.narrow(1, 1, 3);
        for first_row in [0, 1] {
            let labels = hard.targets.labels.narrow(1, first_row, 4 - first_row);
            let soft = Soft {
                first_row,
                probabilities: labels.one_hot(19).to_kind(Kind::Float),
            };
            let off = apart(
                &soft_loss(&stack, &hard, soft),
                &loss(&stack, &hard).unwrap(),
            );
            assert!(off < 1e-5, "{off}");
        }
        let size = [&labels.size()[..], &[19]].concat();
        let flat = Tensor::full(size, 1.0 / 19.0, (Kind::Float, Device::Cpu));
        let soft = soft_loss(
            &stack,
            &hard,
            Soft {
                first_row: 1,
                probabilities: flat,
            },
        );
        let log_probs = logits_at(&stack, &hard.rows, &hard.targets.positions).unwrap();
        let log_probs = log_probs.log_softmax(-1, Kind::Float);
        let gathered = log_probs
            .gather(3, &hard.targets.labels.unsqueeze(-1), false)
            .squeeze_dim(-1);
        let mean = log_probs.mean_dim([3].as_slice(), false, Kind::Float);
        let gains = Tensor::cat(&[gathered.narrow(1, 0, 1), mean.narrow(1, 1, 3)], 1);
        let weights = &hard.targets.weights;
        let expected = -(gains * weights).sum_dim_intlist([1, 2].as_slice(), false, Kind::Float)
            / weights.sum_dim_intlist([1, 2].as_slice(), false, Kind::Float);
        assert!(apart(&soft, &expected) < 1e-5);
    }
}

fn soft_loss(model: &Model, hard: &picklock_lm::Batch, soft: Soft) -> Tensor {
    let own = &hard.targets;
    let parts = [&own.positions, &own.labels, &own.weights].map(Tensor::shallow_clone);
    let [positions, labels, weights] = parts;
    let targets = picklock_lm::Targets::new(positions, labels, weights, Some(soft)).unwrap();
    let rows = Rows {
        tokens: hard.rows.tokens.shallow_clone(),
        mask: None,
    };
    loss(model, &picklock_lm::Batch { rows, targets }).unwrap()
}

/// Selected rows are the rows: of each replica its own, soft ones with their distributions.
#[test]
fn selected_rows_are_a_batch_of_their_own() {
    let (_, stack) = families().into_iter().next().unwrap();
    let ids = ids(8, 3, 4, 10);
    let mut all = batch(&ids);
    let probabilities = Tensor::rand([3, 2, 4, 19], (Kind::Float, Device::Cpu)).softmax(-1, None);
    all.targets.soft = Some(Soft {
        first_row: 2,
        probabilities: probabilities.shallow_clone(),
    });
    let picks = [[1_usize, 0, 3], [0, 0, 2], [1, 1, 3]];
    let order = Tensor::from_slice(&picks.map(|rows| rows.map(|row| row as i64)).concat());
    let selected = all.select(&order.view([3, 3]), 2).unwrap();
    let losses = loss(&stack, &selected).unwrap();
    for (replica, rows) in picks.iter().enumerate() {
        let chosen = vec![rows.iter().map(|row| ids[replica][*row].clone()).collect()];
        let soft = Soft {
            first_row: 2,
            probabilities: probabilities.narrow(0, replica as i64, 1).narrow(
                1,
                rows[2] as i64 - 2,
                1,
            ),
        };
        let alone = soft_loss(
            &stack.replica(replica as i64).unwrap(),
            &batch(&chosen),
            soft,
        );
        let difference = apart(&alone, &losses.narrow(0, replica as i64, 1));
        assert!(difference < 1e-5, "replica {replica}: {difference}");
    }
}

fn trained(model: &Model, ids: &[Vec<Vec<Vec<u32>>>], optimizer: Optimizer, clip: f64) -> Trained {
    let recipe = Recipe {
        warmup_steps: 2,
        decay: Decay::Cosine,
        clip_norm: Some(clip).into(),
        ..Recipe::new(optimizer, 3e-3, ids.len() as u32, 4).snapshots([2])
    };
    train(model, &recipe, |step| batch(&ids[step]))
}

/// The clipping norm lies between the replicas' gradient norms, so that clipping all together, or
/// none, would show.
#[test]
fn training_agrees_with_clipping_per_replica() {
    let adamw = Optimizer::AdamW {
        beta1: 0.9,
        beta2: 0.98,
        weight_decay: 0.1,
    };
    let lion = Optimizer::Lion {
        beta1: 0.9,
        beta2: 0.99,
        weight_decay: 0.1,
    };
    for (models, stack) in families() {
        let steps: Vec<_> = (0..5).map(|step| ids(20 + step, 3, 4, 10)).collect();
        let norms = gradient_norms(&models, &steps[0]);
        let clip = norms.iter().sum::<f64>() / 3.0;
        assert!(norms.iter().any(|norm| *norm < clip) && norms.iter().any(|norm| *norm > clip));
        let together = trained(&stack, &steps, adamw, clip);
        let signs = trained(&stack, &steps, lion, clip);
        for (index, model) in models.iter().enumerate() {
            let own: Vec<_> = steps.iter().map(|ids| only(ids, index)).collect();
            let replica = |model: &Model| model.replica(index as i64).unwrap();
            let alone = trained(model, &own, adamw, clip);
            assert_updates(model, &replica(&together.model), &alone.model);
            assert_updates(model, &replica(&together.snapshots[0]), &alone.snapshots[0]);
            assert!((together.loss[index] - alone.loss[0]).abs() < 1e-4);
            let alone = trained(model, &own, lion, clip);
            assert_same_signs(model, &replica(&signs.model), &alone.model);
        }
    }
}

fn gradient_norms(models: &[Model], ids: &[Vec<Vec<u32>>]) -> Vec<f64> {
    let norm = |(index, model): (usize, &Model)| {
        let gradients =
            picklock_lm::gradients(model, &batch(&only(ids, index)), Memory::default()).unwrap();
        let squares = gradients
            .iter()
            .map(|(_, gradient)| gradient.norm().double_value(&[]).powi(2));
        squares.sum::<f64>().sqrt()
    };
    models.iter().enumerate().map(norm).collect()
}

/// Updates of key biases may be rounding noise.
fn assert_updates(start: &Model, a: &Model, b: &Model) {
    for ((name, start), ((_, a), (_, b))) in start
        .weights()
        .iter()
        .zip(a.weights().iter().zip(b.weights().iter()))
    {
        let off = relative(&(a - start), &(b - start));
        assert!(is_key_bias(name) || off < 2e-3, "{name}: update {off} off");
    }
}

/// Lion's updates are signs: where a gradient is near 0 one may flip, but few do.
fn assert_same_signs(start: &Model, a: &Model, b: &Model) {
    let mut same = 0.0;
    for ((_, a), (_, b)) in a.weights().iter().zip(b.weights().iter()) {
        same += (a - b).abs().lt(1e-6).sum(Kind::Double).double_value(&[]);
    }
    let share = same / start.parameter_count() as f64;
    assert!(share > 0.99, "{share}");
}
