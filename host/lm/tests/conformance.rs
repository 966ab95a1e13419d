//! Agreement with transformers, on the checkpoints of the folder in `PICKLOCK_CONFORMANCE`.
//!
//! Every case folder is taken; its README says how the figures were made. A relative path starts at
//! the workspace; without one, the small committed part is used. `PICKLOCK_DEVICE` names the device.

#![allow(clippy::unwrap_used)]

mod support;

use picklock_lm::{Decoding, Kind, Model, Rows, Side, Tensor, generate, gradients, logits, loss};
use picklock_sdk::{Memory, Recipe};

use support::case::{Case, cases, device};
use support::{ADAMW, apart, is_key_bias, relative, train};

#[test]
fn conformance_logits() {
    for case in cases() {
        let apart = apart(
            &logits(&case.model, &case.rows()).unwrap(),
            &case.tensor("logits"),
        );
        assert!(apart < 1e-4, "{}: logits {apart} apart", case.name);
    }
}

#[test]
fn conformance_losses() {
    for case in cases() {
        for (labels, key) in [("input_ids", "loss"), ("labels_masked", "loss_masked")] {
            let got = loss(&case.model, &case.batch(labels))
                .unwrap()
                .double_value(&[0]);
            let expected = case.number(key);
            assert!(
                (got - expected).abs() < 1e-5,
                "{}: {key} {got}, expected {expected}",
                case.name
            );
        }
    }
}

#[test]
fn conformance_gradients() {
    for case in cases() {
        let gradients =
            gradients(&case.model, &case.batch("input_ids"), Memory::default()).unwrap();
        let count = case.numbers["grad_norms"].as_object().unwrap().len();
        assert_eq!(count, gradients.len(), "{}", case.name);
        let mut whole = 0.0;
        for (name, gradient) in gradients.iter() {
            let norm = gradient.norm().double_value(&[]);
            let expected = case.gradient_norm(name);
            let near = (norm - expected).abs() < 1e-4 * expected + case.rounding_noise();
            assert!(near, "{} {name}: {norm}, {expected}", case.name);
            whole += norm * norm;
        }
        let (got, global) = (whole.sqrt(), case.number("grad_global_norm"));
        assert!(
            (got - global).abs() < 1e-4 * global,
            "{}: {got}, {global}",
            case.name
        );
        for name in case.kept("grad.") {
            let expected = case.tensor(&format!("grad.{name}"));
            let off = relative(gradients.get(name).unwrap(), &expected);
            assert!(off < 1e-4, "{} {name}: gradient {off} off", case.name);
        }
    }
}

#[test]
fn conformance_adamw() {
    let recipe = Recipe::new(ADAMW, 1e-3, 3, 1).snapshots(1..=3);
    for case in cases() {
        let trained = train(&case.model, &recipe, |_| case.batch("input_ids"));
        for (step, model) in trained.snapshots.iter().enumerate() {
            let got = loss(model, &case.batch("input_ids"))
                .unwrap()
                .double_value(&[0]);
            let expected = case.numbers["loss_after_steps"][step].as_f64().unwrap();
            assert!(
                (got - expected).abs() < 1e-4,
                "{}: step {step}: {got}, {expected}",
                case.name
            );
        }
        for name in case.kept("after3.") {
            let before = case.model.weights().get(name).unwrap();
            let update = trained.model.weights().get(name).unwrap() - before;
            let off = relative(&update, &(case.tensor(&format!("after3.{name}")) - before));
            assert!(off < 1e-4, "{} {name}: update {off} off", case.name);
        }
        check_sums(&case, &trained.model);
    }
}

/// Norms of all parameters after the 3 steps. Those of key biases, and all whose gradient is rounding
/// noise, may have moved by it: `AdamW` makes steps of up to the learning rate of it, either way.
fn check_sums(case: &Case, model: &Model) {
    for (name, tensor) in model.weights().iter() {
        let norm = tensor.norm().double_value(&[]);
        let expected = case.of_parameter("after3_sum_and_norm", name)[1]
            .as_f64()
            .unwrap();
        let noise = is_key_bias(name) || case.gradient_norm(name) < case.rounding_noise();
        let tolerance = if noise { 5e-3 } else { 2e-5 };
        let off = (norm - expected).abs() / expected;
        assert!(off < tolerance, "{} {name}: {norm}, {expected}", case.name);
    }
}

#[test]
fn conformance_padding() {
    for case in cases() {
        for side in ["leftpad", "rightpad"] {
            let mask = case
                .tensor(&format!("{side}.attention_mask"))
                .to_kind(Kind::Bool);
            let rows = Rows {
                tokens: case.tensor(&format!("{side}.input_ids")),
                mask: Some(mask),
            };
            let expected = case.tensor(&format!("{side}.logits"));
            compare_padded(&case, &rows, &expected, side);
        }
    }
}

/// The same rows, made from ids.
#[test]
fn conformance_padding_from_ids() {
    for case in cases() {
        for (name, side) in [("leftpad", Side::Left), ("rightpad", Side::Right)] {
            let ids = case.tensor(&format!("{name}.input_ids"));
            let mask = case
                .tensor(&format!("{name}.attention_mask"))
                .to_kind(Kind::Bool);
            let row = |b: i64| ids.get(0).get(b).masked_select(&mask.get(0).get(b));
            let row = |b| {
                Vec::<i64>::try_from(row(b))
                    .unwrap()
                    .iter()
                    .map(|&id| id as u32)
                    .collect()
            };
            let rows = Rows::from_ids(&[vec![row(0), row(1)]], side, device()).unwrap();
            let known = Rows {
                tokens: rows.tokens.shallow_clone(),
                mask: Some(mask),
            };
            let got = logits(&case.model, &rows).unwrap();
            let off = real_apart(&got, &case.tensor(&format!("{name}.logits")), &known);
            assert!(off < 1e-4, "{} {name}: logits {off} apart", case.name);
        }
    }
}

fn compare_padded(case: &Case, rows: &Rows, expected: &Tensor, side: &str) {
    let off = real_apart(&logits(&case.model, rows).unwrap(), expected, rows);
    assert!(off < 1e-4, "{} {side}: logits {off} apart", case.name);
}

/// Largest difference where the mask is true.
fn real_apart(got: &Tensor, expected: &Tensor, rows: &Rows) -> f64 {
    let real = rows.mask.as_ref().unwrap().unsqueeze(-1);
    assert!(
        bool::try_from(real.logical_not().any()).unwrap(),
        "nothing is padded"
    );
    ((got - expected).abs() * real).max().double_value(&[])
}

#[test]
fn conformance_greedy() {
    for case in cases() {
        let expected = case.tensor("greedy_ids");
        let prompts = Rows {
            tokens: expected.narrow(2, 0, 8).contiguous(),
            mask: None,
        };
        let decoding = Decoding::greedy(16);
        let got = generate(&case.model, &prompts, &decoding, None).unwrap();
        for (row, ids) in got[0].iter().enumerate() {
            let expected: Vec<i64> =
                Vec::try_from(expected.get(0).get(row as i64).narrow(0, 8, 16)).unwrap();
            let ids: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
            assert_eq!(ids, expected, "{}: row {row}", case.name);
        }
    }
}

/// Prompts of different lengths, padded on the left, continue as each does alone.
#[test]
fn conformance_greedy_left_padded() {
    for case in cases() {
        let ids = case.tensor("greedy_ids");
        let ids = |row: i64| Vec::<i64>::try_from(ids.get(0).get(row)).unwrap();
        let row = |row, length: usize| ids(row)[..length].iter().map(|&id| id as u32).collect();
        let prompts = [vec![row(0, 8), row(1, 13)]];
        let prompts = Rows::from_ids(&prompts, Side::Left, device()).unwrap();
        let decoding = Decoding::greedy(11);
        let got = generate(&case.model, &prompts, &decoding, None).unwrap();
        for (row, start) in [(0, 8), (1, 13)] {
            let got: Vec<i64> = got[0][row].iter().map(|&id| i64::from(id)).collect();
            assert_eq!(
                got,
                ids(row as i64)[start..start + 11],
                "{}: row {row}",
                case.name
            );
        }
    }
}

/// A case that was saved is the case.
#[test]
fn conformance_saved() {
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        case.model.save(folder.path()).unwrap();
        let again = Model::load(folder.path(), device()).unwrap();
        assert_eq!(
            again.architecture(),
            case.model.architecture(),
            "{}",
            case.name
        );
        assert_eq!(
            again.digest().unwrap(),
            case.model.digest().unwrap(),
            "{}",
            case.name
        );
    }
}

/// The committed part has every family.
#[test]
fn conformance_families() {
    if std::env::var_os("PICKLOCK_CONFORMANCE").is_some() {
        return;
    }
    let cases = cases();
    for family in ["gpt2", "gpt_neox", "llama", "mistral", "qwen2", "stablelm"] {
        let own = |case: &Case| case.model.architecture().name() == family;
        assert!(cases.iter().any(own), "no {family}");
    }
}
