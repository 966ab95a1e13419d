//! The types of numbers that files hold.

use safetensors::tensor::Dtype;

use crate::{Error, Kind, Result, Tensor};

/// How many numbers are read or written at a time: few enough to stay in the processor's cache.
pub(super) const PIECE: usize = 1 << 20;

/// The type that numbers are stored in, under torch's name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stored {
    /// 32 bits: what the models here are held in.
    #[default]
    Float32,
    /// 16 bits, 5 of them exponent: nothing beyond 65,504.
    Float16,
    /// 16 bits, 8 of them exponent.
    Bfloat16,
}

impl Stored {
    /// Its name in a `config.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Bfloat16 => "bfloat16",
        }
    }

    /// Bytes of a number.
    pub fn bytes(self) -> u64 {
        self.kind().elt_size_in_bytes() as u64
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Float32 => Kind::Float,
            Self::Float16 => Kind::Half,
            Self::Bfloat16 => Kind::BFloat16,
        }
    }

    pub(super) fn dtype(self) -> Dtype {
        match self {
            Self::Float32 => Dtype::F32,
            Self::Float16 => Dtype::F16,
            Self::Bfloat16 => Dtype::BF16,
        }
    }
}

/// The type of a tensor of floating-point numbers.
pub(super) fn kind(name: &str, dtype: Dtype) -> Result<Kind> {
    let all = [Stored::Float32, Stored::Float16, Stored::Bfloat16];
    let stored = all.into_iter().find(|stored| stored.dtype() == dtype);
    stored.map(Stored::kind).ok_or_else(|| Error::DataType {
        tensor: name.to_owned(),
        expected: "F32, F16 or BF16",
        got: dtype.to_string(),
    })
}

/// A number of a tensor that is infinite or none, where there is one.
pub(crate) fn not_finite(tensor: &Tensor) -> Result<Option<f64>> {
    let (least, most) = tensor.f_aminmax(None, false)?;
    let ends = [least.f_double_value(&[])?, most.f_double_value(&[])?];
    Ok(ends.into_iter().find(|number| !number.is_finite()))
}
