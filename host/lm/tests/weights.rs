//! What is done to weights apart from training: distances, noise, interpolation, random starts.

#![allow(clippy::unwrap_used)]

mod support;

use picklock_family::Architecture;
use picklock_lm::{
    Device, Kind, Magnitude, Model, TensorNorm, changed, distance, distance_in, interpolate, norms,
    perturb,
};

use support::{Noise, apart, assert_same, families, gpt2, llama, model};

#[test]
fn distance_and_noise_agree() {
    for (models, stack) in families() {
        let other: Vec<_> = (11..14)
            .map(|seed| model(stack.architecture(), seed))
            .collect();
        let others = Model::stack(&other.iter().collect::<Vec<_>>()).unwrap();
        let together = distance(&stack, &others).unwrap();
        let global = Magnitude::Global(vec![0.5, 1.0, 2.0]);
        let noisy = perturb(&stack, &global, &mut streams(3)).unwrap();
        let matched = perturb(
            &stack,
            &Magnitude::PerTensor(together.clone()),
            &mut streams(3),
        )
        .unwrap();
        for (tensor, norm) in distance(&matched, &stack).unwrap().iter().zip(&together) {
            for (got, wanted) in tensor.l2.iter().zip(&norm.l2) {
                assert!(
                    (got - wanted).abs() < 1e-5 * wanted,
                    "{}: {got}, {wanted}",
                    tensor.name
                );
            }
        }
        for (index, model) in models.iter().enumerate() {
            for (all, alone) in together.iter().zip(distance(model, &other[index]).unwrap()) {
                assert_eq!(all.name, alone.name);
                assert!((all.l2[index] - alone.l2[0]).abs() < 1e-9 * alone.l2[0]);
            }
            let size = Magnitude::Global(vec![[0.5, 1.0, 2.0][index]]);
            let own = perturb(model, &size, &mut streams(3)[index..=index]).unwrap();
            assert_same(&noisy.replica(index as i64).unwrap(), &own, 0.0);
            let norms = distance(&own, model).unwrap();
            let whole = norms
                .iter()
                .map(|norm| norm.l2[0].powi(2))
                .sum::<f64>()
                .sqrt();
            assert!((whole - [0.5, 1.0, 2.0][index]).abs() < 1e-5, "{whole}");
        }
    }
}

/// One stream of normals for each replica.
fn streams(replicas: usize) -> Vec<impl FnMut(&mut [f32]) + Send> {
    let stream = |replica| {
        let mut noise = Noise(100 + replica as u64);
        move |numbers: &mut [f32]| noise.fill(numbers)
    };
    (0..replicas).map(stream).collect()
}

#[test]
fn noise_relative_to_the_weights_and_bad_magnitudes() {
    let model = model(&gpt2(), 1);
    let zero = interpolate(&model, &model, 1.0).unwrap();
    let size = Magnitude::RelativeToWeights(0.1);
    let noisy = perturb(&zero, &size, &mut streams(1)).unwrap();
    for norm in distance(&noisy, &model).unwrap() {
        let own = model
            .weights()
            .get(&norm.name)
            .unwrap()
            .norm()
            .double_value(&[]);
        assert!((norm.l2[0] - 0.1 * own).abs() < 1e-5 * own, "{}", norm.name);
    }
    let message = |size| {
        perturb(&model, &size, &mut streams(1))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        message(Magnitude::Global(vec![1.0, 2.0])),
        "global noise: expected 1, one a replica, got 2"
    );
    assert!(message(Magnitude::PerTensor(Vec::new())).starts_with("noise per tensor: "));
    assert!(message(Magnitude::Global(vec![f64::NAN])).contains("norms of 0 or more"));
}

#[test]
fn interpolation_goes_from_a_to_b() {
    let (a, b) = (model(&llama(), 1), model(&llama(), 2));
    assert_same(&interpolate(&a, &b, 0.0).unwrap(), &a, 0.0);
    assert_same(&interpolate(&a, &b, 1.0).unwrap(), &b, 1e-6);
    let third = interpolate(&a, &b, 0.25).unwrap();
    let name = "model.norm.weight";
    let expected = a.weights().get(name).unwrap() * 0.75 + b.weights().get(name).unwrap() * 0.25;
    assert!(apart(third.weights().get(name).unwrap(), &expected) < 1e-6);
}

#[test]
fn random_models_follow_their_scheme_and_streams() {
    let mut calls = Vec::new();
    let mut noise = Noise(1);
    let mut fill = |replica: usize, numbers: &mut [f32]| {
        calls.push((replica, numbers.len()));
        noise.fill(numbers);
    };
    let scheme = picklock_lm::Init::default();
    let architecture = Architecture::Gpt2(picklock_family::Gpt2Config {
        vocab_size: 100,
        n_positions: 50,
        n_embd: 64,
        n_layer: 2,
        n_head: 4,
        n_inner: None,
        layer_norm_epsilon: 1e-5,
        tie_word_embeddings: false,
    });
    let model = Model::random(&architecture, &scheme, 2, Device::Cpu, &mut fill).unwrap();
    assert_eq!(calls[..4], [(0, 6400), (1, 6400), (0, 3200), (1, 3200)]);
    assert_eq!(calls.len(), 2 * (2 + 4 * 2 + 1));
    let std = |name: &str| {
        model
            .weights()
            .get(name)
            .unwrap()
            .std(true)
            .double_value(&[])
    };
    for (name, expected) in [
        ("transformer.wte.weight", 0.5),
        ("transformer.wpe.weight", 0.5),
        ("transformer.h.0.attn.c_attn.weight", 0.125),
        ("transformer.h.1.attn.c_proj.weight", 0.0625),
        ("transformer.h.0.mlp.c_proj.weight", 0.03125),
        ("lm_head.weight", 0.125),
    ] {
        assert!(
            (std(name) / expected - 1.0).abs() < 0.05,
            "{name}: {}",
            std(name)
        );
    }
    for (name, tensor) in model
        .weights()
        .iter()
        .filter(|(name, _)| name.contains("ln_"))
    {
        let expected = if name.ends_with("weight") { 1.0 } else { 0.0 };
        assert!(bool::try_from(tensor.eq(expected).all()).unwrap(), "{name}");
    }
}

/// A bfloat16 number between 1 and 2 moves by a step of 2^-8 at least: of weights that grow by a share
/// of themselves, all, some or none do. A float32 copy moves always.
#[test]
fn changes_are_counted_as_weights_are_rounded() {
    let before = model(&gpt2(), 3).to_kind(Kind::BFloat16).unwrap();
    let master = before.to_kind(Kind::Float).unwrap();
    assert_eq!(changed(&before, &before, Kind::BFloat16).unwrap(), [0.0]);
    let whole = |norms: Vec<TensorNorm>| -> f64 {
        let squares = norms.iter().map(|tensor| tensor.l2[0].powi(2));
        squares.sum::<f64>().sqrt()
    };
    let own = whole(norms(&master).unwrap());
    for (share, least, most) in [
        (2_f64.powi(-7), 1.0, 1.0),
        (1.5 * 2_f64.powi(-9), 0.4, 0.8),
        (2_f64.powi(-12), 0.0, 0.0),
    ] {
        let grown = master.weights().iter();
        let grown = grown.map(|(name, tensor)| (name.to_owned(), tensor * (1.0 + share)));
        let after = Model::new(gpt2(), grown.collect()).unwrap();
        assert_eq!(changed(&master, &after, Kind::Float).unwrap(), [1.0]);
        let rounded = changed(&before, &after, Kind::BFloat16).unwrap()[0];
        assert!((least..=most).contains(&rounded), "{share}: {rounded}");
        let norm = |kind| whole(distance_in(&master, &after, kind).unwrap()) / (share * own);
        assert!((norm(Kind::Float) - 1.0).abs() < 1e-3, "{share}");
        let left = norm(Kind::BFloat16);
        assert!(
            left == 0.0 && most == 0.0 || (0.8..2.0).contains(&left),
            "{share}: {left}"
        );
    }
}

/// Noise is added in float32, and the sum has the type that the weights had.
#[test]
fn noise_on_bfloat16_weights_is_rounded_once() {
    let model = model(&gpt2(), 3).to_kind(Kind::BFloat16).unwrap();
    let wide = model.to_kind(Kind::Float).unwrap();
    let noisy = |model: &Model| {
        let size = Magnitude::Global(vec![0.3]);
        perturb(model, &size, &mut streams(1)).unwrap()
    };
    let (own, expected) = (noisy(&model), noisy(&wide).to_kind(Kind::BFloat16).unwrap());
    assert_eq!(
        (own.kind(), own.compute()),
        (Kind::BFloat16, Kind::BFloat16)
    );
    assert_same(&own, &expected, 0.0);
    let half = interpolate(&model, &own, 0.5).unwrap();
    let wide_half = interpolate(&wide, &own.to_kind(Kind::Float).unwrap(), 0.5).unwrap();
    assert_same(&half, &wide_half.to_kind(Kind::BFloat16).unwrap(), 0.0);
}
