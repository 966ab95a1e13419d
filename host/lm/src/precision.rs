//! What numbers are kept in: weights, their master copy, the optimiser's averages.

use serde::{Deserialize, Serialize};

use crate::{Error, Kind, Result};

/// A floating-point type, under torch's name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Float {
    /// 32 bits.
    #[default]
    Float32,
    /// 16 bits, 8 of them exponent.
    Bfloat16,
}

/// The precision of a training. At small learning rates it is a condition of its own: most updates
/// of pure bfloat16 weights round to nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Precision {
    /// What forward and backward compute in, and the weights that they read.
    #[serde(default)]
    pub weights: Float,
    /// Whether updates go to a float32 copy, of which bfloat16 weights are the rounding. The copy
    /// is what the training hands back.
    #[serde(default)]
    pub master: bool,
    /// The optimiser's averages.
    #[serde(default)]
    pub states: Float,
}

impl Float {
    /// libtorch's name for it.
    pub fn kind(self) -> Kind {
        match self {
            Self::Float32 => Kind::Float,
            Self::Bfloat16 => Kind::BFloat16,
        }
    }
}

impl Precision {
    /// Everything in 32 bits.
    pub const FLOAT32: Self = Self {
        weights: Float::Float32,
        master: false,
        states: Float::Float32,
    };

    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self {
                weights: Float::Float32,
                master: true,
                ..
            } => Err(Error::argument(
                "master copy",
                "bfloat16 weights beside it",
                "float32 weights, which are their own",
            )),
            _ => Ok(()),
        }
    }
}
