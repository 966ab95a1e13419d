//! Noise on weights, and distances between them: several members in one stack.

use std::rc::Rc;

use picklock_lm::{Kind, Model};
use picklock_message::Result;
use picklock_record::Change;
use picklock_sdk::{Distance, Magnitude, Noise, Rng, TensorNorm};
use rand_distr::{Distribution, StandardNormal};

use crate::bench::invalid;
use crate::cached_model::CachedModel;
use crate::operation::{Operation, Product};
use crate::residence::Residence;

/// Adds noise to a stack of models.
pub fn perturb(residence: &Residence, stack: &[Operation]) -> Result<Vec<Product>> {
    let parts: Vec<(&Rc<CachedModel>, &Noise)> = stack
        .iter()
        .filter_map(|operation| match operation {
            Operation::Perturb { model, noise } => Some((model, noise)),
            _ => None,
        })
        .collect();
    let models: Vec<&Rc<CachedModel>> = parts.iter().map(|(model, _)| *model).collect();
    let noises: Vec<&Noise> = parts.iter().map(|(_, noise)| *noise).collect();
    let magnitude = magnitude(&noises)?;
    let normals = |noise: &&Noise| {
        let mut rng = Rng::new(noise.key);
        move |numbers: &mut [f32]| numbers.fill_with(|| StandardNormal.sample(&mut rng))
    };
    let mut normals: Vec<_> = noises.iter().map(normals).collect();
    let before = residence.stack(&models)?;
    let noisy = picklock_lm::perturb(&before, &magnitude, &mut normals)?;
    let changes = match noisy.compute() {
        Kind::Float => None,
        kind => Some((
            asked(&magnitude, &before)?,
            whole(&picklock_lm::distance_in(&before, &noisy, kind)?),
        )),
    };
    let product =
        |(replica, (operation, (model, _))): (usize, (&Operation, &(&Rc<CachedModel>, _)))| {
            let noisy = noisy.replica(replica as i64)?;
            let change = changes.as_ref().map(|(asked, computed)| Change::Noise {
                asked: asked[replica],
                computed: computed[replica],
            });
            let lineage = model.copy_lineage();
            let held = CachedModel::changed(operation.key(), &model.shape, lineage, noisy, change);
            Ok(Product::Models(vec![held]))
        };
    stack.iter().zip(&parts).enumerate().map(product).collect()
}

/// The noise's norm over all tensors, of each replica.
fn asked(magnitude: &picklock_lm::Magnitude, before: &Model) -> Result<Vec<f64>> {
    Ok(match magnitude {
        picklock_lm::Magnitude::Global(norms) => norms.clone(),
        picklock_lm::Magnitude::PerTensor(norms) => whole(norms),
        picklock_lm::Magnitude::RelativeToWeights(share) => {
            let own = whole(&picklock_lm::norms(before)?).into_iter();
            own.map(|norm| share * norm).collect()
        }
    })
}

/// Norms over all tensors, of each replica.
fn whole(norms: &[picklock_lm::TensorNorm]) -> Vec<f64> {
    let replicas = norms.first().map_or(0, |tensor| tensor.l2.len());
    let of = |replica: usize| {
        let squares = norms.iter().map(|tensor| tensor.l2[replica].powi(2));
        squares.sum::<f64>().sqrt()
    };
    (0..replicas).map(of).collect()
}

/// The norms of a stack of differences.
pub fn distances(residence: &Residence, stack: &[Operation]) -> Result<Vec<Product>> {
    let pairs = stack.iter().filter_map(|operation| match operation {
        Operation::Distance { from, to } => Some((from, to)),
        _ => None,
    });
    let (from, to): (Vec<&Rc<CachedModel>>, Vec<&Rc<CachedModel>>) = pairs.unzip();
    let norms = picklock_lm::distance(&residence.stack(&from)?, &residence.stack(&to)?)?;
    let product = |replica: usize| {
        let norm = |tensor: &picklock_lm::TensorNorm| TensorNorm {
            name: tensor.name.as_str().into(),
            l2: tensor.l2[replica],
        };
        Product::Distance(Distance {
            tensors: norms.iter().map(norm).collect(),
        })
    };
    Ok((0..from.len()).map(product).collect())
}

/// The noises' sizes, which are all of one kind.
fn magnitude(noises: &[&Noise]) -> Result<picklock_lm::Magnitude> {
    let sizes: Vec<f64> = noises
        .iter()
        .flat_map(|noise| match &noise.magnitude {
            Magnitude::Global(size) | Magnitude::Relative(size) => vec![*size],
            Magnitude::PerTensor(size) => size.tensors.iter().map(|tensor| tensor.l2).collect(),
        })
        .collect();
    if let Some(size) = sizes
        .iter()
        .find(|size| !(size.is_finite() && **size >= 0.0))
    {
        return Err(invalid(format!(
            "perturb: noise of size {size}, expected a number of at least 0"
        )));
    }
    let first = match &noises[0].magnitude {
        Magnitude::Global(_) => return Ok(picklock_lm::Magnitude::Global(sizes)),
        Magnitude::Relative(sigma) => return Ok(picklock_lm::Magnitude::RelativeToWeights(*sigma)),
        Magnitude::PerTensor(first) => first,
    };
    let tensor = |(index, tensor): (usize, &TensorNorm)| picklock_lm::TensorNorm {
        name: tensor.name.to_string(),
        l2: sizes
            .iter()
            .skip(index)
            .step_by(first.tensors.len())
            .copied()
            .collect(),
    };
    Ok(picklock_lm::Magnitude::PerTensor(
        first.tensors.iter().enumerate().map(tensor).collect(),
    ))
}
