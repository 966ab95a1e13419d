//! Rotary positions (Su et al. 2021): tables of cosines and sines, and heads rotated by them.

use std::cell::RefCell;

use picklock_family::Rope;

use crate::network::{Pass, width_of};
use crate::{Device, Kind, Result, Tensor};

/// The frequency of each rotated pair of a head's numbers, `[n / 2]`, in radians per position;
/// computed in float32, as transformers does.
fn frequencies(rope: &Rope, head_dim: i64) -> Result<Tensor> {
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

/// A model's rotations, computed when first needed.
pub(crate) struct Rotations {
    /// `[n]`, of a head's first 2 n numbers.
    frequencies: Tensor,
    /// Tables for the longest pass so far.
    known: RefCell<Option<Rotation>>,
}

impl Rotations {
    pub(crate) fn new(rope: &Rope, head_dim: i64, device: Device) -> Result<Self> {
        Ok(Self {
            frequencies: frequencies(rope, head_dim)?.f_to_device(device)?,
            known: RefCell::new(None),
        })
    }

    /// Of at least the first so many positions.
    pub(crate) fn up_to(&self, positions: i64) -> Result<Rotation> {
        let mut known = self.known.borrow_mut();
        let rotation = match known.take() {
            Some(rotation) if rotation.cos.size()[0] >= positions => rotation,
            _ => Rotation::new(&self.frequencies, positions)?,
        };
        Ok(known.insert(rotation).share())
    }
}

/// Cosines and sines of positions in a row.
pub(crate) struct Rotation {
    /// `[positions, n]`, float32, or as [`Rotation::at`] lays them out; both halves of a row are
    /// equal.
    pub(crate) cos: Tensor,
    pub(crate) sin: Tensor,
}

impl Rotation {
    /// Of the first so many positions, of frequencies `[n / 2]`.
    fn new(frequencies: &Tensor, positions: i64) -> Result<Self> {
        let options = (Kind::Float, frequencies.device());
        let positions = Tensor::f_arange(positions, options)?.f_unsqueeze(-1)?;
        let half = positions.f_mul(frequencies)?;
        let angles = Tensor::f_cat(&[&half, &half], -1)?;
        Ok(Self {
            cos: angles.f_cos()?,
            sin: angles.f_sin()?,
        })
    }

    /// Another handle on the same tables.
    fn share(&self) -> Self {
        Self {
            cos: self.cos.shallow_clone(),
            sin: self.sin.shallow_clone(),
        }
    }

    /// Of a pass's positions: `[T, n]`, or `[R*B, 1, T, n]` where rows have positions of their own.
    pub(crate) fn at(&self, pass: &Pass) -> Result<Self> {
        let of = |table: &Tensor| -> Result<Tensor> {
            Ok(match &pass.positions {
                Some(positions) => table
                    .f_index_select(0, &positions.f_reshape([-1])?)?
                    .f_view_([-1, 1, pass.length(), table.size()[1]])?,
                None => table.f_narrow(0, pass.first_position, pass.length())?,
            })
        };
        Ok(Self {
            cos: of(&self.cos)?,
            sin: of(&self.sin)?,
        })
    }

    /// Rotates the first n numbers of heads `[R*B, H, T, d]`; a number's partner stands n / 2 away.
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let (width, rotated) = (width_of(x), width_of(&self.cos));
        if rotated == width {
            return self.rotate(x);
        }
        let kept = x.f_narrow(-1, rotated, width - rotated)?;
        let first = self.rotate(&x.f_narrow(-1, 0, rotated)?)?;
        Ok(Tensor::f_cat(&[first, kept], -1)?)
    }

    fn rotate(&self, x: &Tensor) -> Result<Tensor> {
        let halves = x.f_chunk(2, -1)?;
        let quarter = Tensor::f_cat(&[&halves[1].f_neg()?, &halves[0]], -1)?;
        let kind = x.f_kind()?;
        let (cos, sin) = (self.cos.f_to_kind(kind)?, self.sin.f_to_kind(kind)?);
        Ok(x.f_mul(&cos)?.f_add(&quarter.f_mul(&sin)?)?)
    }
}
