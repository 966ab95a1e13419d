//! What the tests of this crate share: random numbers, small models, batches.

#![allow(dead_code, clippy::unwrap_used)]

#[path = "../../../family/tests/support/mod.rs"]
mod architectures;
pub mod case;
pub mod folders;

use std::ops::ControlFlow;

use picklock_family::Architecture;
use picklock_lm::{
    Batch, Batches, Device, Init, Model, Result, Rows, Side, Targets, Tensor, Trained,
};
use picklock_sdk::{Optimizer, Recipe};

pub use architectures::*;

/// A small generator of standard normals (splitmix64, Box-Muller).
pub struct Noise(pub u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        (self.uniform() * limit as f64) as u64
    }

    pub fn uniforms(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.uniform()).collect()
    }

    pub fn fill(&mut self, numbers: &mut [f32]) {
        for number in numbers {
            let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
            *number = (radius * (std::f64::consts::TAU * self.uniform()).cos()) as f32;
        }
    }
}

/// A model in which no weight is 0 or 1: random, with noise on top.
pub fn model(architecture: &Architecture, seed: u64) -> Model {
    picklock_lm::runtime::start(Some(1));
    let mut noise = Noise(seed);
    let mut fill = |_: usize, numbers: &mut [f32]| noise.fill(numbers);
    let model = Model::random(architecture, &Init::default(), 1, Device::Cpu, &mut fill).unwrap();
    let weights = model.weights().iter().map(|(name, tensor)| {
        let mut numbers = vec![0.0; tensor.numel()];
        noise.fill(&mut numbers);
        let noise = Tensor::from_slice(&numbers).view_(tensor.size()) * 0.1;
        (name.to_owned(), tensor + noise)
    });
    Model::new(architecture.clone(), weights.collect()).unwrap()
}

/// All families, each as three models and their stack.
pub fn families() -> [(Vec<Model>, Model); 6] {
    all().map(|architecture| {
        let models: Vec<_> = (1..4).map(|seed| model(&architecture, seed)).collect();
        let stack = Model::stack(&models.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!((stack.replicas(), stack.architecture()), (3, &architecture));
        (models, stack)
    })
}

#[track_caller]
pub fn assert_same(a: &Model, b: &Model, tolerance: f64) {
    for ((name, a), (_, b)) in a.weights().iter().zip(b.weights().iter()) {
        let off = apart(a, b);
        assert!(off <= tolerance, "{name}: {off} apart");
    }
}

/// Random rows `[R][batch]` of the given length.
pub fn ids(seed: u64, replicas: usize, batch: usize, length: usize) -> Vec<Vec<Vec<u32>>> {
    let mut noise = Noise(seed);
    let mut row = || (0..length).map(|_| noise.below(19) as u32).collect();
    (0..replicas)
        .map(|_| (0..batch).map(|_| row()).collect())
        .collect()
}

/// Rows of 10 tokens of which the last 4 are predicted, with different weights.
pub fn batch(ids: &[Vec<Vec<u32>>]) -> Batch {
    let size = [ids.len() as i64, ids[0].len() as i64, 4];
    let rows = Rows::from_ids(ids, Side::Right, Device::Cpu).unwrap();
    let positions = Tensor::from_slice(&[5_i64, 6, 7, 8])
        .expand(size, false)
        .contiguous();
    let labels = rows.tokens.narrow(2, 6, 4).contiguous();
    let weights = Tensor::from_slice(&[1.0_f32, 2.0, 0.5, 0.0])
        .expand(size, false)
        .contiguous();
    Batch {
        rows,
        targets: Targets::new(positions, labels, weights, None).unwrap(),
    }
}

/// One replica of ids, as ids of their own.
pub fn only(ids: &[Vec<Vec<u32>>], replica: usize) -> Vec<Vec<Vec<u32>>> {
    vec![ids[replica].clone()]
}

/// Batches from a closure.
pub struct From<F>(pub F);

impl<F: FnMut(usize) -> Batch> Batches for From<F> {
    fn batch(&mut self, step: usize) -> Result<Batch> {
        Ok((self.0)(step))
    }
}

pub const LION: Optimizer = Optimizer::Lion {
    beta1: 0.9,
    beta2: 0.99,
    weight_decay: 0.0,
};

pub const ADAMW: Optimizer = Optimizer::AdamW {
    beta1: 0.9,
    beta2: 0.999,
    weight_decay: 0.01,
};

/// Trains on the batches of a closure, to the end.
pub fn train(model: &Model, recipe: &Recipe, batches: impl FnMut(usize) -> Batch) -> Trained {
    let mut go = |_| ControlFlow::Continue(());
    picklock_lm::train(model, recipe, &mut From(batches), &mut go).unwrap()
}

/// Whether a parameter holds a bias of keys. Where keys aren't rotated, it changes no probability: its
/// gradient is rounding noise.
pub fn is_key_bias(name: &str) -> bool {
    let ends = ["c_attn.bias", "k_proj.bias", "query_key_value.bias"];
    ends.iter().any(|end| name.ends_with(end))
}

/// Largest absolute difference.
pub fn apart(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

/// Norm of the difference over the norm of `b`.
pub fn relative(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).norm().double_value(&[]) / b.norm().double_value(&[])
}
