//! The types that recipes name, as libtorch's.

use picklock_sdk::Float;

use crate::Kind;

/// libtorch's name for a type.
pub fn kind_of(float: Float) -> Kind {
    match float {
        Float::Float32 => Kind::Float,
        Float::Bfloat16 => Kind::BFloat16,
    }
}
