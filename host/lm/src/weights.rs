//! Named tensors, in the order of the architecture's parameters.

use crate::{Result, Tensor};

/// Weight tensors by name, each `[R, ...]`.
#[derive(Debug, Default)]
pub struct Weights(Vec<(String, Tensor)>);

impl Weights {
    /// The tensor of a name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        let found = self.0.iter().find(|(own, _)| own == name)?;
        Some(&found.1)
    }

    /// Names and tensors.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a tensor in, in place of one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        let name = name.into();
        self.remove(&name);
        self.0.push((name, tensor));
    }

    /// Takes a tensor out.
    pub fn remove(&mut self, name: &str) -> Option<Tensor> {
        let place = self.0.iter().position(|(own, _)| own == name)?;
        Some(self.0.remove(place).1)
    }
}

impl FromIterator<(String, Tensor)> for Weights {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(tensors: I) -> Self {
        Self(tensors.into_iter().collect())
    }
}

/// Tensors `[R, ..]` joined along their second dimension; one alone is shared.
pub(crate) fn side_by_side(parts: &[Tensor]) -> Result<Tensor> {
    Ok(match parts {
        [single] => single.shallow_clone(),
        several => Tensor::f_cat(several, 1)?,
    })
}

/// A contiguous copy with storage of its own.
pub(crate) fn copy(tensor: &Tensor) -> Result<Tensor> {
    let mut copy = Tensor::f_empty(tensor.size(), (tensor.f_kind()?, tensor.device()))?;
    copy.f_copy_(tensor)?;
    Ok(copy)
}
