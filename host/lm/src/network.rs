//! What a forward pass needs: the tensors in computing shape, and the rows that go through.

use std::collections::HashMap;

use crate::attention::Mask;
use crate::{Device, Error, Kind, Model, Result, Rows, Tensor};

/// Slots by name, in the shape and type in which layers compute with them: without the replica
/// dimension for one model; for a stack `[R, a, b]`, vectors as `[R, 1, n]`.
pub(crate) struct Leaves {
    device: Device,
    tensors: HashMap<String, Tensor>,
}

impl Leaves {
    /// Views of a model's weights (copies, where it computes in another type), for passes without
    /// gradients.
    pub(crate) fn of(model: &Model) -> Result<Self> {
        let slots = model.layout().slots.iter().zip(model.slots());
        let view = |(slot, tensor): (&crate::layout::Slot, &Tensor)| {
            let tensor = computing_view(tensor)?.f_to_kind(model.compute())?;
            Ok((slot.name.clone(), tensor))
        };
        Ok(Self {
            device: model.device(),
            tensors: slots.map(view).collect::<Result<_>>()?,
        })
    }

    /// Tensors that are in computing shape already.
    pub(crate) fn from_views(tensors: HashMap<String, Tensor>, device: Device) -> Self {
        Self { device, tensors }
    }

    pub(crate) fn device(&self) -> Device {
        self.device
    }

    pub(crate) fn find(&self, name: &str) -> Option<Tensor> {
        self.tensors.get(name).map(Tensor::shallow_clone)
    }

    pub(crate) fn get(&self, name: &str) -> Result<Tensor> {
        self.find(name).ok_or_else(|| Error::MissingTensor {
            tensor: name.to_owned(),
            expected: Vec::new(),
        })
    }
}

/// A `[R, ...]` tensor in computing shape; see [`Leaves`].
pub(crate) fn computing_view(tensor: &Tensor) -> Result<Tensor> {
    Ok(match tensor.size()[..] {
        [1, ..] => tensor.f_squeeze_dim(0)?,
        [_, _] => tensor.f_unsqueeze(1)?,
        _ => tensor.shallow_clone(),
    })
}

/// One forward pass: tokens, where they stand, what they may look at, what is asked for.
pub(crate) struct Pass<'a> {
    tokens: &'a Tensor,
    size: [i64; 3],
    first_position: i64,
    positions: Option<Tensor>,
    /// All positions are below this.
    longest: i64,
    mask: Mask,
    /// Rows of the flattened `[R*B*T, D]` that go on after the last layer's attention.
    asked: Option<Asked>,
    last_layer: usize,
}

/// Positions asked for: how many a row, and where in the flattened activations.
struct Asked {
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
        let asked = at.map(|at| Asked::new(at, size)).transpose()?;
        let last_layer = layers.saturating_sub(1);
        Ok(Self {
            tokens: &rows.tokens,
            size,
            first_position: 0,
            positions,
            longest: size[2],
            mask,
            asked,
            last_layer,
        })
    }

    /// One more token a row, `[R, B, 1]`, after `filled` cached ones.
    pub(crate) fn next(
        tokens: &'a Tensor,
        filled: i64,
        positions: Option<Tensor>,
        mask: Mask,
    ) -> Result<Self> {
        let (replicas, batch, length) = tokens.size3()?;
        let size = [replicas, batch, length];
        Ok(Self {
            tokens,
            size,
            first_position: filled,
            longest: filled + length,
            positions,
            mask,
            asked: None,
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

    pub(crate) fn tokens(&self) -> &Tensor {
        self.tokens
    }

    pub(crate) fn length(&self) -> i64 {
        self.size[2]
    }

    pub(crate) fn mask(&self) -> &Mask {
        &self.mask
    }

    pub(crate) fn first_position(&self) -> i64 {
        self.first_position
    }

    /// `[R, B, T]` where rows have positions of their own.
    pub(crate) fn explicit_positions(&self) -> Option<&Tensor> {
        self.positions.as_ref()
    }

    /// A number that all positions are below.
    pub(crate) fn longest(&self) -> i64 {
        self.longest
    }

    /// Rows of all replicas, R x B.
    pub(crate) fn rows_in_all(&self) -> i64 {
        self.size[0] * self.size[1]
    }

    /// Any activations to flat: `[N, D]` for one model, `[R, N, D]` for a stack.
    pub(crate) fn flat(&self, x: &Tensor) -> Result<Tensor> {
        let width = x.size().last().copied().unwrap_or(0);
        Ok(match self.size[0] {
            1 => x.f_reshape([-1, width])?,
            replicas => x.f_reshape([replicas, -1, width])?,
        })
    }

    /// Flat to `[R, B, A or T, D]`.
    pub(crate) fn unflat(&self, x: &Tensor) -> Result<Tensor> {
        let [replicas, batch, length] = self.size;
        let length = self.asked.as_ref().map_or(length, |asked| asked.count);
        Ok(x.f_view_([
            replicas,
            batch,
            length,
            x.size().last().copied().unwrap_or(0),
        ])?)
    }

    /// Flat `[.., H*d]` to `[R*B, H, T, d]`.
    pub(crate) fn heads(&self, x: &Tensor, heads: i64) -> Result<Tensor> {
        let [replicas, batch, length] = self.size;
        Ok(x.f_view_([replicas * batch, length, heads, -1])?
            .f_transpose(1, 2)?)
    }

    /// Residual stream and attention's output, both flat, for what comes after: after the last
    /// layer's attention only the positions asked for are needed, as no later one looks at others.
    pub(crate) fn after_attention(
        &self,
        layer: usize,
        x: &Tensor,
        attended: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        match &self.asked {
            Some(asked) if layer == self.last_layer => Ok((
                self.flat(&asked.select(x)?)?,
                self.flat(&asked.select(attended)?)?,
            )),
            _ => Ok((x.shallow_clone(), self.flat(attended)?)),
        }
    }
}

impl Asked {
    fn new(at: &Tensor, [replicas, batch, length]: [i64; 3]) -> Result<Self> {
        let (given_replicas, given_batch, count) = at.size3()?;
        if (given_replicas, given_batch) != (replicas, batch) {
            let expected = format!("[{replicas}, {batch}, any]");
            return Err(Error::argument(
                "positions",
                expected,
                format!("{:?}", at.size()),
            ));
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
        let width = x.size().last().copied().unwrap_or(0);
        Ok(x.f_reshape([-1, width])?.f_index_select(0, &self.index)?)
    }
}
