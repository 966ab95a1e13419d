//! What weights are stored in.

use clap::ValueEnum;
use picklock_lm::{Storage, Stored};

/// A type of numbers, under torch's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Dtype {
    /// 32 bits.
    #[default]
    Float32,
    /// 16 bits, 5 of them exponent.
    Float16,
    /// 16 bits, 8 of them exponent.
    Bfloat16,
}

impl From<Dtype> for Storage {
    fn from(dtype: Dtype) -> Self {
        let stored = match dtype {
            Dtype::Float32 => Stored::Float32,
            Dtype::Float16 => Stored::Float16,
            Dtype::Bfloat16 => Stored::Bfloat16,
        };
        Self {
            stored,
            ..Self::default()
        }
    }
}
