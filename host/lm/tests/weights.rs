//! What is done to weights apart from training: distances, noise, interpolation, random starts.

#![allow(clippy::unwrap_used)]

mod support;

use picklock_lm::{Architecture, Device, Magnitude, Model, distance, interpolate, perturb};
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
        let noisy = perturb(&stack, &global, &mut streams()).unwrap();
        let matched = perturb(
            &stack,
            &Magnitude::PerTensor(together.clone()),
            &mut streams(),
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
            let mut all = streams();
            let own = perturb(model, &size, &mut |_, numbers| all(index, numbers)).unwrap();
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
fn streams() -> impl FnMut(usize, &mut [f32]) {
    let mut streams = [Noise(100), Noise(101), Noise(102)];
    move |replica, numbers| streams[replica].fill(numbers)
}

#[test]
fn noise_relative_to_the_weights_and_bad_magnitudes() {
    let model = model(&gpt2(), 1);
    let zero = interpolate(&model, &model, 1.0).unwrap();
    let size = Magnitude::RelativeToWeights(0.1);
    let noisy = perturb(&zero, &size, &mut streams()).unwrap();
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
        perturb(&model, &size, &mut streams())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        message(Magnitude::Global(vec![1.0, 2.0])),
        "global noise: expected 1 norms, one a replica, got 2"
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
    let architecture = Architecture::Gpt2(picklock_lm::Gpt2Config {
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
