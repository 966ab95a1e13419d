//! Models over a part of their vocabulary: the rows of the embedding and the output head that some
//! token ids have.
//!
//! A task that uses 30 of 49,152 tokens trains and scores only those; the other rows come back when
//! the model is written for others to open.

use picklock_family::Architecture;

use crate::{Error, Kind, Model, Result, Tensor};

impl Model {
    /// The model over the token ids `ids`: row i of its embedding and head is row `ids[i]` of this
    /// one's.
    ///
    /// # Errors
    /// [`Error::Argument`] for an id that this model doesn't have, or none at all.
    pub fn over_tokens(&self, ids: &[u32]) -> Result<Self> {
        let vocab_size = self.architecture().vocab_size();
        let index = index(ids, vocab_size)?.f_to_device(self.device())?;
        let architecture = self.architecture().with_vocab_size(ids.len() as i64)?;
        self.replaced(architecture, |_, weight| {
            Ok(weight.f_index_select(1, &index)?)
        })
    }

    /// The model of `architecture` with the weights that depend on the vocabulary replaced.
    fn replaced(
        &self,
        architecture: Architecture,
        change: impl Fn(&str, &Tensor) -> Result<Tensor>,
    ) -> Result<Self> {
        let names = architecture.plan().vocabulary_names();
        let weights = self.weights().iter().map(|(name, weight)| {
            let weight = if names.iter().any(|own| own == name) {
                change(name, weight)?
            } else {
                weight.shallow_clone()
            };
            Ok((name.to_owned(), weight))
        });
        let weights = weights.collect::<Result<_>>()?;
        Ok(Self::new(architecture, weights)?.computing_in(self.compute()))
    }

    /// The inverse of [`Model::over_tokens`]: this model with all rows that `full` has, those of the
    /// other ids as they are there. Both are stacks of as many replicas.
    ///
    /// # Errors
    /// [`Error::Argument`] for an id that `full` doesn't have, or another number of ids than this
    /// model's.
    pub fn with_all_tokens(&self, full: &Self, ids: &[u32]) -> Result<Self> {
        let own_size = self.architecture().vocab_size();
        if ids.len() as i64 != own_size {
            let expected = format!("{own_size}, as the model has");
            return Err(Error::argument("token ids", expected, ids.len()));
        }
        let index = index(ids, full.architecture().vocab_size())?.f_to_device(self.device())?;
        self.replaced(full.architecture().clone(), |name, weight| {
            let all = full
                .weights()
                .get(name)
                .ok_or_else(|| Error::missing(name, &weight.size()))?;
            let all = all.f_to_device(self.device())?.f_to_kind(self.kind())?;
            Ok(all.f_index_copy(1, &index, weight)?)
        })
    }
}

fn index(ids: &[u32], vocab_size: i64) -> Result<Tensor> {
    let ids: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    match ids.iter().find(|id| **id >= vocab_size) {
        Some(id) => {
            let expected = format!("below {vocab_size}");
            Err(Error::argument("token id", expected, id))
        }
        None if ids.is_empty() => Err(Error::argument("token ids", "at least one", 0)),
        None => Ok(Tensor::f_from_slice(&ids)?.f_to_kind(Kind::Int64)?),
    }
}
