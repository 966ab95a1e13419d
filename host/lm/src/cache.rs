//! The static key/value cache of decoding, written in place.

use crate::cuda::{self, LayerStep};
use crate::{Model, Result, Tensor};

/// Keys and values of all layers, each `[R*B, heads, capacity, d]`.
#[derive(Default)]
pub(crate) struct Cache {
    layers: Vec<(Tensor, Tensor)>,
    /// Positions that all layers hold; to be raised once all layers have been extended.
    pub(crate) filled: i64,
}

impl Cache {
    /// Room for `capacity` positions of `rows` rows (R x B) of a model.
    pub(crate) fn new(model: &Model, rows: i64, capacity: i64) -> Result<Self> {
        let (layers, heads, width) = model.architecture().plan().cache_shape();
        let options = (model.compute(), model.device());
        let empty = || Tensor::f_empty([rows, heads, capacity, width], options);
        let layers = (0..layers)
            .map(|_| Ok((empty()?, empty()?)))
            .collect::<Result<_>>()?;
        Ok(Self { layers, filled: 0 })
    }

    /// Positions that there is room for.
    pub(crate) fn capacity(&self) -> i64 {
        self.layers.first().map_or(0, |(keys, _)| keys.size()[2])
    }

    /// Appends a layer's keys and values, and returns all that it holds with them.
    pub(crate) fn extend(&self, layer: usize, k: &Tensor, v: &Tensor) -> Result<(Tensor, Tensor)> {
        let added = k.size()[2];
        let (keys, values) = &self.layers[layer];
        keys.f_narrow(2, self.filled, added)?.f_copy_(k)?;
        values.f_narrow(2, self.filled, added)?.f_copy_(v)?;
        let held = self.filled + added;
        Ok((keys.f_narrow(2, 0, held)?, values.f_narrow(2, 0, held)?))
    }

    /// Appends a layer's keys and values of one token a row, of the outputs of its projection
    /// `[R*B, ..]`, where `filled` says, and attends to what its rows hold: `[R*B, H*d]`.
    pub(crate) fn step(&self, layer: usize, step: &LayerStep) -> Result<Tensor> {
        let (keys, values) = &self.layers[layer];
        let queries = cuda::append(step, keys, values)?;
        cuda::attend(&queries, keys, values, step.filled, step.window)
    }

    /// `count` rows from `start` on, sharing their storage.
    pub(crate) fn narrow(&self, start: i64, count: i64) -> Result<Self> {
        let rows = |(keys, values): &(Tensor, Tensor)| {
            Ok((
                keys.f_narrow(0, start, count)?,
                values.f_narrow(0, start, count)?,
            ))
        };
        Ok(Self {
            layers: self.layers.iter().map(rows).collect::<Result<_>>()?,
            filled: self.filled,
        })
    }

    /// Keeps some rows alone. Layer by layer, so that little more memory is taken than there was.
    pub(crate) fn keep(&mut self, rows: &Tensor) -> Result<()> {
        for (keys, values) in &mut self.layers {
            *keys = keys.f_index_select(0, rows)?;
            *values = values.f_index_select(0, rows)?;
        }
        Ok(())
    }
}
