//! The static key/value cache of decoding, written in place.

use crate::{Architecture, Device, Kind, Result, Tensor};

/// Keys and values of all layers, each `[R*B, heads, capacity, d]`.
pub(crate) struct Cache {
    layers: Vec<(Tensor, Tensor)>,
    filled: i64,
}

impl Cache {
    /// Room for `capacity` positions of `rows` rows (R x B).
    pub(crate) fn new(
        architecture: &Architecture,
        rows: i64,
        capacity: i64,
        device: Device,
    ) -> Result<Self> {
        let (layers, heads, width) = architecture.cache_shape();
        let empty = || Tensor::f_empty([rows, heads, capacity, width], (Kind::Float, device));
        let layers = (0..layers)
            .map(|_| Ok((empty()?, empty()?)))
            .collect::<Result<_>>()?;
        Ok(Self { layers, filled: 0 })
    }

    /// Positions that all layers hold.
    pub(crate) fn filled(&self) -> i64 {
        self.filled
    }

    /// Appends a layer's keys and values, and returns all that it holds with them.
    pub(crate) fn extend(
        &mut self,
        layer: usize,
        k: &Tensor,
        v: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let added = k.size()[2];
        let (keys, values) = &self.layers[layer];
        keys.f_narrow(2, self.filled, added)?.f_copy_(k)?;
        values.f_narrow(2, self.filled, added)?.f_copy_(v)?;
        let held = self.filled + added;
        Ok((keys.f_narrow(2, 0, held)?, values.f_narrow(2, 0, held)?))
    }

    /// To be called once all layers have been extended by so many positions.
    pub(crate) fn advance(&mut self, added: i64) {
        self.filled += added;
    }
}
