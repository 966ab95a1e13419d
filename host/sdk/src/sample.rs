//! Samples: problems with the answers that a model is trained on.

use abi_stable::StableAbi;
use abi_stable::std_types::{RString, RVec};
use serde::{Deserialize, Serialize};

use crate::LabError;

/// A problem and one answer to it.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The problem's id.
    pub problem: RString,
    /// The question's tokens, without password.
    pub question: RVec<u32>,
    /// The answer's tokens.
    pub answer: RVec<u32>,
    /// A weight for each answer token; empty means 1 for all.
    pub weights: RVec<f32>,
}

/// Samples in the order in which they were drawn: the first 2 of 8 are those of 2.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    items: RVec<Sample>,
}

impl Samples {
    /// Samples from their parts.
    pub fn new(items: impl IntoIterator<Item = Sample>) -> Self {
        Self {
            items: items.into_iter().collect(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The samples in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Sample> {
        self.items.as_slice().iter()
    }

    /// The same samples with a weight for each answer token, `[sample][token]`.
    ///
    /// # Errors
    /// Where the shape differs from the answers', or a weight is negative or not finite.
    pub fn weighted(mut self, weights: &[Vec<f32>]) -> Result<Self, LabError> {
        let (got, expected) = (weights.len(), self.len());
        if got != expected {
            let problem = format!("weights for {got} samples, expected {expected}");
            return Err(LabError::invalid(problem));
        }
        for (index, (sample, weights)) in self.items.iter_mut().zip(weights).enumerate() {
            let invalid =
                |problem: String| Err(LabError::invalid(format!("sample {index}: {problem}")));
            let (got, expected) = (weights.len(), sample.answer.len());
            if got != expected {
                return invalid(format!("{got} weights, expected {expected}"));
            }
            let is_bad = |weight: &&f32| !weight.is_finite() || **weight < 0.0;
            if let Some(bad) = weights.iter().find(is_bad) {
                return invalid(format!(
                    "weight {bad}, expected a finite number of at least 0"
                ));
            }
            sample.weights = weights.clone().into();
        }
        Ok(self)
    }
}

impl<'a> IntoIterator for &'a Samples {
    type Item = &'a Sample;
    type IntoIter = std::slice::Iter<'a, Sample>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
