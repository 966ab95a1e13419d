//! What a forward pass needs: the tensors in computing shape, and the rows that go through.

use std::collections::HashMap;

use crate::attention::Mask;
use crate::{Device, Error, Kind, Result, Rows, Tensor};

/// Slots by name, in the shape and type in which layers compute with them: without the replica
/// dimension for one model; for a stack `[R, a, b]`, vectors as `[R, 1, n]`.
pub(crate) struct Leaves {
    pub(crate) device: Device,
    pub(crate) tensors: HashMap<String, Tensor>,
}

impl Leaves {
    pub(crate) fn find(&self, name: &str) -> Option<Tensor> {
        self.tensors.get(name).map(Tensor::shallow_clone)
    }

    pub(crate) fn get(&self, name: &str) -> Result<Tensor> {
        self.find(name).ok_or_else(|| Error::missing(name, &[]))
    }
}

/// The size of a tensor's last dimension.
pub(crate) fn width_of(tensor: &Tensor) -> i64 {
    tensor.size().last().copied().unwrap_or(0)
}

/// A `[R, ...]` tensor in computing shape; see [`Leaves`].
pub(crate) fn computing_view(tensor: &Tensor) -> Result<Tensor> {
    Ok(match tensor.size()[..] {
        [1, ..] => tensor.f_squeeze_dim(0)?,
        [_, _] => tensor.f_unsqueeze(1)?,
        _ => tensor.shallow_clone(),
    })
}

/// One forward pass: tokens, their positions, what they may look at, where outputs are needed.
pub(crate) struct Pass<'a> {
    pub(crate) tokens: &'a Tensor,
    size: [i64; 3],
    pub(crate) first_position: i64,
    /// `[R, B, T]` where rows have positions of their own.
    pub(crate) positions: Option<Tensor>,
    /// All positions are below this.
    pub(crate) longest: i64,
    pub(crate) mask: Mask,
    /// Rows of the flattened `[R*B*T, D]` that are computed after the last layer's attention; all
    /// where `None`.
    outputs: Option<Outputs>,
    last_layer: usize,
}

/// Positions whose outputs are needed: how many a row, and where in the flattened activations.
struct Outputs {
    count: i64,
    index: Tensor,
}

impl<'a> Pass<'a> {
    /// Whole rows, with logits at the positions `at`, `[R, B, A]`, or everywhere.
    pub(crate) fn rows(rows: &'a Rows, at: Option<&Tensor>, layers: usize) -> Result<Self> {
        let size = rows.size()?;
        let (positions, mask) = match &rows.mask {
            Some(mask) => (Some(crate::rows::positions(mask)?), Mask::padded(mask)?),
            None => (None, Mask::Causal),
        };
        Ok(Self {
            outputs: at.map(|at| Outputs::new(at, size)).transpose()?,
            last_layer: layers.saturating_sub(1),
            ..Self::next(&rows.tokens, 0, positions, mask)?
        })
    }

    /// Tokens `[R, B, T]` after `filled` cached ones, with outputs everywhere.
    pub(crate) fn next(
        tokens: &'a Tensor,
        filled: i64,
        positions: Option<Tensor>,
        mask: Mask,
    ) -> Result<Self> {
        let size = <[i64; 3]>::from(tokens.size3()?);
        Ok(Self {
            tokens,
            size,
            first_position: filled,
            longest: filled + size[2],
            positions,
            mask,
            outputs: None,
            last_layer: 0,
        })
    }

    /// One more token a row, `[R, B, 1]`, after cached ones whose number lies on the device; all
    /// positions `[R, B, 1]` are below `longest`.
    pub(crate) fn step(
        tokens: &'a Tensor,
        positions: Tensor,
        longest: i64,
        mask: Mask,
    ) -> Result<Self> {
        let pass = Self::next(tokens, 0, Some(positions), mask)?;
        Ok(Self { longest, ..pass })
    }

    pub(crate) fn length(&self) -> i64 {
        self.size[2]
    }

    /// Rows of all replicas, R x B.
    pub(crate) fn rows_in_all(&self) -> i64 {
        self.size[0] * self.size[1]
    }

    /// Any activations to flat: `[N, D]` for one model, `[R, N, D]` for a stack.
    pub(crate) fn flat(&self, x: &Tensor) -> Result<Tensor> {
        Ok(match self.size[0] {
            1 => x.f_reshape([-1, width_of(x)])?,
            replicas => x.f_reshape([replicas, -1, width_of(x)])?,
        })
    }

    /// Flat to `[R, B, A or T, D]`.
    pub(crate) fn unflat(&self, x: &Tensor) -> Result<Tensor> {
        let [replicas, batch, length] = self.size;
        let length = self
            .outputs
            .as_ref()
            .map_or(length, |outputs| outputs.count);
        Ok(x.f_view_([replicas, batch, length, width_of(x)])?)
    }

    /// Flat `[.., H*d]` to `[R*B, H, T, d]`.
    pub(crate) fn heads(&self, x: &Tensor, heads: i64) -> Result<Tensor> {
        let [replicas, batch, length] = self.size;
        Ok(x.f_view_([replicas * batch, length, heads, -1])?
            .f_transpose(1, 2)?)
    }

    /// Residual stream and attention's output, both flat, for what comes after: after the last
    /// layer's attention only the positions with outputs are needed, as no later one looks at others.
    pub(crate) fn after_attention(
        &self,
        layer: usize,
        x: &Tensor,
        attended: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        match &self.outputs {
            Some(outputs) if layer == self.last_layer => Ok((
                self.flat(&outputs.select(x)?)?,
                self.flat(&outputs.select(attended)?)?,
            )),
            _ => Ok((x.shallow_clone(), self.flat(attended)?)),
        }
    }
}

impl Outputs {
    fn new(at: &Tensor, [replicas, batch, length]: [i64; 3]) -> Result<Self> {
        let (own_replicas, own_batch, count) = at.size3()?;
        if (own_replicas, own_batch) != (replicas, batch) {
            let expected = format!("[{replicas}, {batch}, any]");
            let got = format!("{:?}", at.size());
            return Err(Error::argument("positions", expected, got));
        }
        crate::rows::check_range("positions", at, length)?;
        let options = (Kind::Int64, at.device());
        let starts = Tensor::f_arange_start_step(0, replicas * batch * length, length, options)?;
        let index = at
            .f_add(&starts.f_view_([replicas, batch, 1])?)?
            .f_view_([-1])?;
        Ok(Self { count, index })
    }

    fn select(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_reshape([-1, width_of(x)])?
            .f_index_select(0, &self.index)?)
    }
}
