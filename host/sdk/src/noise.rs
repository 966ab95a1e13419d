//! Gaussian noise on weights, and the distance between two models.

use abi_stable::StableAbi;
use abi_stable::std_types::{RString, RVec};
use serde::{Deserialize, Serialize};

use crate::{Rng, RngKey};

/// The L2 norm of one tensor's difference.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorNorm {
    /// The tensor's name in the checkpoint.
    pub name: RString,
    /// Its L2 norm.
    pub l2: f64,
}

/// How far two models are apart, tensor by tensor.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distance {
    /// One norm for each tensor.
    pub tensors: RVec<TensorNorm>,
}

impl Distance {
    /// The L2 norm over all tensors together.
    pub fn global(&self) -> f64 {
        let squares = self.tensors.iter().map(|tensor| tensor.l2 * tensor.l2);
        squares.sum::<f64>().sqrt()
    }

    /// The same distance times `factor`.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let mut scaled = self.clone();
        scaled
            .tensors
            .iter_mut()
            .for_each(|tensor| tensor.l2 *= factor);
        scaled
    }
}

/// How large noise is, once drawn: it is rescaled to have exactly this norm.
#[repr(C, u8)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Magnitude {
    /// This L2 norm over all tensors together.
    Global(f64),
    /// Each tensor its own L2 norm.
    PerTensor(Distance),
    /// Each tensor this share of its own weights' L2 norm.
    Relative(f64),
}

/// Gaussian noise to add to a model's weights.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// How large.
    pub magnitude: Magnitude,
    /// The stream that it is drawn from.
    pub key: RngKey,
}

impl Noise {
    /// Noise of this L2 norm over all tensors together, spread evenly over all weights.
    pub fn global(norm: f64, rng: Rng) -> Self {
        Self::of(Magnitude::Global(norm), rng)
    }

    /// Noise of `sigma` times each tensor's own L2 norm: a standard deviation of `sigma` times the
    /// root mean square of its weights.
    pub fn relative(sigma: f64, rng: Rng) -> Self {
        Self::of(Magnitude::Relative(sigma), rng)
    }

    /// Noise that has this distance's L2 norm in every tensor.
    pub fn per_tensor(size: Distance, rng: Rng) -> Self {
        Self::of(Magnitude::PerTensor(size), rng)
    }

    fn of(magnitude: Magnitude, rng: Rng) -> Self {
        let key = rng.into_key();
        Self { magnitude, key }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_global_norm_is_that_of_all_tensors_together() {
        let tensor = |name: &str, l2| TensorNorm {
            name: name.into(),
            l2,
        };
        let distance = Distance {
            tensors: vec![tensor("a", 3.0), tensor("b", 4.0)].into(),
        };
        assert!((distance.global() - 5.0).abs() < 1e-12);
        assert!((distance.scaled(2.0).global() - 10.0).abs() < 1e-12);
    }
}
