//! The weights under training, laid out so that an optimiser's step is few calls.
//!
//! Every tensor is a leaf of its own. Small ones are views into one buffer `[R, n]`, so that the
//! optimiser treats them together: for tiny models the number of calls is what costs time. Large
//! ones stand alone.

use std::collections::HashMap;

use crate::network::{Leaves, computing_view};
use crate::weights::copy;
use crate::{Device, Model, Result, Tensor};

/// Tensors of up to so many numbers a replica share a buffer.
const SMALL: i64 = 1 << 16;

/// A copy of a model's weights, in groups, with leaves that gradients are taken for.
pub(super) struct Groups {
    list: Vec<Group>,
    names: Vec<String>,
    leaves: Vec<Tensor>,
    device: Device,
}

struct Group {
    /// `[R, n]`, all members side by side.
    values: Tensor,
    /// Which parameters, and how many numbers of a replica each has.
    members: Vec<(usize, i64)>,
}

impl Groups {
    pub(super) fn new(model: &Model) -> Result<Self> {
        let replicas = model.replicas();
        let count = |tensor: &Tensor| tensor.numel() as i64 / replicas;
        let tensors: Vec<&Tensor> = model.weights().iter().map(|(_, tensor)| tensor).collect();
        let (small, large): (Vec<usize>, Vec<usize>) =
            (0..tensors.len()).partition(|&index| count(tensors[index]) <= SMALL);
        let sets = [small]
            .into_iter()
            .chain(large.into_iter().map(|index| vec![index]));
        let mut groups = Vec::new();
        let mut leaves: Vec<Option<Tensor>> = tensors.iter().map(|_| None).collect();
        for set in sets.filter(|set| !set.is_empty()) {
            let members: Vec<_> = set
                .iter()
                .map(|&index| (index, count(tensors[index])))
                .collect();
            let parts = set
                .iter()
                .map(|&index| tensors[index].f_reshape([replicas, -1]));
            let values = Tensor::f_cat(&parts.collect::<std::result::Result<Vec<_>, _>>()?, 1)?;
            let mut start = 0;
            for &(index, length) in &members {
                let view = values
                    .f_narrow(1, start, length)?
                    .f_view_(tensors[index].size())?;
                leaves[index] = Some(
                    computing_view(&view)?
                        .f_detach()?
                        .f_set_requires_grad(true)?,
                );
                start += length;
            }
            groups.push(Group { values, members });
        }
        let names = model
            .weights()
            .iter()
            .map(|(name, _)| name.to_owned())
            .collect();
        let leaves = leaves.into_iter().flatten().collect();
        Ok(Self {
            list: groups,
            names,
            leaves,
            device: model.device(),
        })
    }

    /// The leaves by name, for a network.
    pub(super) fn leaves(&self) -> Leaves {
        let pairs = self.names.iter().zip(&self.leaves);
        let tensors: HashMap<_, _> = pairs
            .map(|(name, leaf)| (name.clone(), leaf.shallow_clone()))
            .collect();
        Leaves::from_views(tensors, self.device)
    }

    /// The leaves in parameter order.
    pub(super) fn leaf_list(&self) -> &[Tensor] {
        &self.leaves
    }

    /// Each group's weights, `[R, n]`.
    pub(super) fn values(&self) -> impl Iterator<Item = &Tensor> {
        self.list.iter().map(|group| &group.values)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        self.list.iter_mut().map(|group| &mut group.values)
    }

    /// Gradients of all leaves, in parameter order, to one `[R, n]` for each group.
    pub(super) fn gather(&self, gradients: &[Tensor]) -> Result<Vec<Tensor>> {
        let gather = |group: &Group| {
            let replicas = group.values.size()[0];
            let parts = group
                .members
                .iter()
                .map(|&(index, _)| gradients[index].f_reshape([replicas, -1]));
            let parts = parts.collect::<std::result::Result<Vec<_>, _>>()?;
            Ok(match &parts[..] {
                [single] => single.shallow_clone(),
                several => Tensor::f_cat(several, 1)?,
            })
        };
        self.list.iter().map(gather).collect()
    }

    /// Writes a model's weights over these.
    pub(super) fn assign(&mut self, model: &Model) -> Result<()> {
        let tensors: Vec<&Tensor> = model.weights().iter().map(|(_, tensor)| tensor).collect();
        for group in &mut self.list {
            let replicas = group.values.size()[0];
            let parts = group
                .members
                .iter()
                .map(|&(index, _)| tensors[index].f_reshape([replicas, -1]));
            let parts = parts.collect::<std::result::Result<Vec<_>, _>>()?;
            group.values.f_copy_(&Tensor::f_cat(&parts, 1)?)?;
        }
        Ok(())
    }

    /// A copy of the weights as they are, as a model like `like`.
    pub(super) fn snapshot(&self, like: &Model) -> Result<Model> {
        self.model(like, copy)
    }

    /// The weights as a model like `like`.
    pub(super) fn finish(self, like: &Model) -> Result<Model> {
        self.model(like, |values| Ok(values.shallow_clone()))
    }

    fn model(&self, like: &Model, take: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Model> {
        let mut tensors: HashMap<&str, Tensor> = HashMap::new();
        for group in &self.list {
            let values = take(&group.values)?;
            let mut start = 0;
            for &(index, length) in &group.members {
                tensors.insert(&self.names[index], values.f_narrow(1, start, length)?);
                start += length;
            }
        }
        like.map(like.replicas(), |name, tensor| {
            let part = tensors
                .remove(name)
                .unwrap_or_else(|| tensor.shallow_clone());
            Ok(part.f_reshape(tensor.size())?.f_contiguous()?)
        })
    }
}
