//! What the tests of this crate share: random numbers, small models, batches.

#![allow(dead_code, clippy::unwrap_used)]

use picklock_lm::{
    Architecture, Batch, Batches, Device, Gpt2Config, Init, LlamaConfig, Model, Result, Rope, Rows,
    Side, Targets, Tensor,
};

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

pub fn gpt2() -> Architecture {
    Architecture::Gpt2(Gpt2Config {
        vocab_size: 19,
        n_positions: 26,
        n_embd: 16,
        n_layer: 2,
        n_head: 4,
        n_inner: None,
        layer_norm_epsilon: 1e-5,
        tie_word_embeddings: false,
    })
}

pub fn llama() -> Architecture {
    Architecture::Llama(LlamaConfig {
        vocab_size: 19,
        max_position_embeddings: 32,
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 6,
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope: Rope::Default,
        attention_bias: true,
        mlp_bias: true,
        tie_word_embeddings: false,
    })
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
