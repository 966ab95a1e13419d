//! Noise on weights, and distances between them: several members in one stack.

use std::rc::Rc;

use picklock_lm::{Kind, Model};
use picklock_message::Result;
use picklock_record::Change;
use picklock_sdk::{Distance, LabError, Magnitude, Noise, Rng, TensorNorm};
use rand_distr::{Distribution, StandardNormal};

use crate::cached_model::CachedModel;
use crate::operation::{Operation, Product};
use crate::operations::Operations;

impl Operations<'_> {
    /// Adds noise to a stack of models.
    ///
    /// # Errors
    /// Where a noise's size is no number of at least 0, or the device refuses.
    pub fn perturb(&self, stack: &[Operation]) -> Result<Vec<Product>> {
        let parts = stack.iter().filter_map(|operation| match operation {
            Operation::Perturb { model, noise } => Some((model, noise)),
            _ => None,
        });
        let (models, noises): (Vec<&Rc<CachedModel>>, Vec<&Noise>) = parts.unzip();
        let magnitude = magnitude(&noises)?;
        let normals = |noise: &&Noise| {
            let mut rng = Rng::new(noise.key);
            move |numbers: &mut [f32]| numbers.fill_with(|| StandardNormal.sample(&mut rng))
        };
        let mut normals: Vec<_> = noises.iter().map(normals).collect();
        let before = self.residence.stack(&models)?;
        let noisy = picklock_lm::perturb(&before, &magnitude, &mut normals)?;
        let changes: Option<Vec<Change>> = match noisy.compute() {
            Kind::Float => None,
            kind => {
                let asked = requested_norms(&magnitude, &before)?.into_iter();
                let computed = picklock_lm::distance_in(&before, &noisy, kind)?;
                let change = |(asked, computed)| Change::Noise { asked, computed };
                Some(asked.zip(whole_norms(&computed)).map(change).collect())
            }
        };
        let product = |(replica, operation): (usize, &Operation)| {
            let change = changes.as_ref().map(|changes| changes[replica].clone());
            let (key, lineage) = (operation.key(), models[replica].lineage.copy());
            let noisy = noisy.replica(replica as i64)?;
            let model = CachedModel::new(key, lineage, noisy, change);
            Ok(Product::Models(vec![model]))
        };
        stack.iter().enumerate().map(product).collect()
    }

    /// The norms of a stack of differences.
    ///
    /// # Errors
    /// Where the models differ in their tensors, or the device refuses.
    pub fn distances(&self, stack: &[Operation]) -> Result<Vec<Product>> {
        let pairs = stack.iter().filter_map(|operation| match operation {
            Operation::Distance { from, to } => Some((from, to)),
            _ => None,
        });
        let (from, to): (Vec<&Rc<CachedModel>>, Vec<&Rc<CachedModel>>) = pairs.unzip();
        let (from, to) = (self.residence.stack(&from)?, self.residence.stack(&to)?);
        let norms = picklock_lm::distance(&from, &to)?;
        let product = |replica: usize| {
            let norm = |tensor: &picklock_lm::TensorNorm| TensorNorm {
                name: tensor.name.as_str().into(),
                l2: tensor.l2[replica],
            };
            Product::Distance(Distance {
                tensors: norms.iter().map(norm).collect(),
            })
        };
        Ok((0..stack.len()).map(product).collect())
    }
}

/// The noise's norm over all tensors, of each replica.
fn requested_norms(magnitude: &picklock_lm::Magnitude, before: &Model) -> Result<Vec<f64>> {
    Ok(match magnitude {
        picklock_lm::Magnitude::Global(norms) => norms.clone(),
        picklock_lm::Magnitude::PerTensor(norms) => whole_norms(norms),
        picklock_lm::Magnitude::RelativeToWeights(share) => {
            let own = whole_norms(&picklock_lm::norms(before)?);
            own.iter().map(|norm| share * norm).collect()
        }
    })
}

/// Norms over all tensors, of each replica.
fn whole_norms(norms: &[picklock_lm::TensorNorm]) -> Vec<f64> {
    let replicas = norms.first().map_or(0, |tensor| tensor.l2.len());
    let of = |replica: usize| {
        let squares = norms.iter().map(|tensor| tensor.l2[replica].powi(2));
        squares.sum::<f64>().sqrt()
    };
    (0..replicas).map(of).collect()
}

/// The noises' sizes, which are all of one kind.
fn magnitude(noises: &[&Noise]) -> Result<picklock_lm::Magnitude> {
    let own = |noise: &&Noise| match &noise.magnitude {
        Magnitude::Global(size) | Magnitude::Relative(size) => vec![*size],
        Magnitude::PerTensor(size) => size.tensors.iter().map(|tensor| tensor.l2).collect(),
    };
    let sizes: Vec<f64> = noises.iter().flat_map(own).collect();
    let refused = |size: &&f64| !(size.is_finite() && **size >= 0.0);
    if let Some(size) = sizes.iter().find(refused) {
        let problem = format!("perturb: noise of size {size}, expected a number of at least 0");
        return Err(LabError::invalid(problem).into());
    }
    let first = match &noises[0].magnitude {
        Magnitude::Global(_) => return Ok(picklock_lm::Magnitude::Global(sizes)),
        Magnitude::Relative(sigma) => return Ok(picklock_lm::Magnitude::RelativeToWeights(*sigma)),
        Magnitude::PerTensor(first) => first,
    };
    let count = first.tensors.len();
    let tensor = |(index, tensor): (usize, &TensorNorm)| picklock_lm::TensorNorm {
        name: tensor.name.to_string(),
        l2: sizes[index..].iter().step_by(count).copied().collect(),
    };
    let tensors = first.tensors.iter().enumerate().map(tensor);
    Ok(picklock_lm::Magnitude::PerTensor(tensors.collect()))
}
