//! Rotary positions (Su et al. 2021): tables of cosines and sines, and heads rotated by them.

use picklock_family::Rope;

use crate::network::Pass;
use crate::{Device, Kind, Result, Tensor};

/// The frequency of each rotated pair of a head's numbers, `[n / 2]`, in radians per position;
/// computed in float32, as transformers does.
pub(crate) fn frequencies(rope: &Rope, head_dim: i64) -> Result<Tensor> {
    let options = (Kind::Float, Device::Cpu);
    let rotated = rope.rotated(head_dim)?;
    let powers = Tensor::f_arange_start_step(0, rotated, 2, options)?.f_div_scalar(rotated)?;
    let plain = Tensor::f_pow_scalar(rope.theta, &powers)?.f_reciprocal()?;
    let stretched: Vec<f32> = Vec::<f32>::try_from(plain)?
        .into_iter()
        .map(|plain| rope.scaling.stretch(plain.into()) as f32)
        .collect();
    Ok(Tensor::f_from_slice(&stretched)?)
}

/// Cosines and sines of places in a row.
pub(crate) struct Rotation {
    /// `[places, n]`, float32, or as [`Rotation::at`] lays them out.
    cos: Tensor,
    sin: Tensor,
}

impl Rotation {
    /// Of the first so many places, of frequencies `[n / 2]`.
    pub(crate) fn new(frequencies: &Tensor, places: i64) -> Result<Self> {
        let options = (Kind::Float, frequencies.device());
        let places = Tensor::f_arange(places, options)?.f_unsqueeze(-1)?;
        let angles = places.f_mul(frequencies)?;
        let angles = Tensor::f_cat(&[&angles, &angles], -1)?;
        Ok(Self {
            cos: angles.f_cos()?,
            sin: angles.f_sin()?,
        })
    }

    /// Number of places.
    pub(crate) fn places(&self) -> i64 {
        self.cos.size()[0]
    }

    /// Another handle on the same tables.
    pub(crate) fn share(&self) -> Self {
        let (cos, sin) = (self.cos.shallow_clone(), self.sin.shallow_clone());
        Self { cos, sin }
    }

    /// Cosines and sines, `[places, n]` each, float32; both halves of a row are equal.
    pub(crate) fn tables(&self) -> (&Tensor, &Tensor) {
        (&self.cos, &self.sin)
    }

    /// Of a pass's places: `[T, n]`, or `[R*B, 1, T, n]` where rows have places of their own.
    pub(crate) fn at(&self, pass: &Pass) -> Result<Self> {
        let of = |table: &Tensor| -> Result<Tensor> {
            Ok(match pass.explicit_positions() {
                Some(places) => {
                    let width = table.size()[1];
                    let rows = table.f_index_select(0, &places.f_reshape([-1])?)?;
                    rows.f_view_([-1, 1, pass.length(), width])?
                }
                None => table.f_narrow(0, pass.first_position(), pass.length())?,
            })
        };
        let (cos, sin) = (of(&self.cos)?, of(&self.sin)?);
        Ok(Self { cos, sin })
    }

    /// Rotates the first n numbers of heads `[R*B, H, T, d]`; a number's partner stands n / 2 away.
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let last = |x: &Tensor| x.size().last().copied().unwrap_or(0);
        let (width, rotated) = (last(x), last(&self.cos));
        if rotated == width {
            return self.rotate(x);
        }
        let kept = x.f_narrow(-1, rotated, width - rotated)?;
        Ok(Tensor::f_cat(
            &[self.rotate(&x.f_narrow(-1, 0, rotated)?)?, kept],
            -1,
        )?)
    }

    fn rotate(&self, x: &Tensor) -> Result<Tensor> {
        let halves = x.f_chunk(2, -1)?;
        let quarter = Tensor::f_cat(&[&halves[1].f_neg()?, &halves[0]], -1)?;
        let kind = x.f_kind()?;
        let (cos, sin) = (self.cos.f_to_kind(kind)?, self.sin.f_to_kind(kind)?);
        Ok(x.f_mul(&cos)?.f_add(&quarter.f_mul(&sin)?)?)
    }
}
