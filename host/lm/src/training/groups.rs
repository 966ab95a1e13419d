//! The weights under training, laid out so that an optimiser's step is few calls.
//!
//! Every slot is a leaf of its own. On a CPU small ones are views into one buffer `[R, n]`, so that
//! the optimiser treats them together: for tiny models the number of calls is what costs time.

use std::sync::Arc;

use picklock_sdk::Memory;

use crate::layout::Layout;
use crate::network::{Leaves, computing_view};
use crate::weights::{copy, side_by_side};
use crate::{Device, Kind, Model, Result, Tensor};

/// On a CPU, slots of up to so many numbers a replica share a buffer.
const SMALL: i64 = 1 << 16;

/// A copy of a model's weights, in groups, with leaves that gradients are taken for.
pub(super) struct Groups {
    pub(super) list: Vec<Group>,
    /// One for each slot.
    pub(super) leaves: Vec<Tensor>,
    pub(super) layout: Arc<Layout>,
    replicas: i64,
    pub(super) device: Device,
}

/// Slots that an optimiser treats as one.
pub(super) struct Group {
    /// What passes compute with, `[R, n]`, all members side by side.
    pub(super) values: Tensor,
    /// The float32 copy that updates go to.
    pub(super) master: Option<Tensor>,
    /// Which slots, and how many numbers of a replica each has.
    members: Vec<(usize, i64)>,
}

impl Group {
    /// Each member's slot and its part of a tensor `[R, n]` over all members, as a view.
    fn parts(&self, whole: &Tensor) -> Result<Vec<(usize, Tensor)>> {
        let mut start = 0;
        let members = self.members.iter();
        let parts = members.map(|&(index, length)| {
            start += length;
            Ok((index, whole.f_narrow(1, start - length, length)?))
        });
        parts.collect()
    }
}

/// Whether backward goes block by block.
pub(super) fn by_block(memory: Memory) -> bool {
    memory.update_in_backward || memory.activation_checkpointing
}

impl Groups {
    /// A copy on a device, slot by slot, for passes in `compute`; with a float32 copy beside it where
    /// updates go to one. Backward block by block needs every slot in storage of its own.
    pub(super) fn new(
        model: &Model,
        compute: Kind,
        master: bool,
        memory: Memory,
        device: Device,
    ) -> Result<Self> {
        let replicas = model.replicas();
        let slots = &model.slots;
        let count = |slot: &Tensor| slot.numel() as i64 / replicas;
        let shared = device == Device::Cpu && !by_block(memory);
        let (small, large): (Vec<usize>, Vec<usize>) =
            (0..slots.len()).partition(|&index| shared && count(&slots[index]) <= SMALL);
        let sets = std::iter::once(small).chain(large.into_iter().map(|index| vec![index]));
        let mut list = Vec::new();
        let mut leaves: Vec<Option<Tensor>> = slots.iter().map(|_| None).collect();
        for set in sets.filter(|set| !set.is_empty()) {
            let copy = |kind: Kind| -> Result<Tensor> {
                let parts = set
                    .iter()
                    .map(|&index| Ok(slots[index].f_reshape([replicas, -1])?));
                Ok(side_by_side(&parts.collect::<Result<Vec<_>>>()?)?
                    .f_to_device_(device, kind, false, true)?
                    .f_contiguous()?)
            };
            let master = master.then(|| copy(Kind::Float)).transpose()?;
            let members = set.iter().map(|&index| (index, count(&slots[index])));
            let group = Group {
                values: copy(compute)?,
                master,
                members: members.collect(),
            };
            for (index, own) in group.parts(&group.values)? {
                let leaf = computing_view(&own.f_view_(slots[index].size())?)?.f_detach()?;
                leaves[index] = Some(leaf.f_set_requires_grad(true)?);
            }
            list.push(group);
        }
        Ok(Self {
            list,
            leaves: leaves.into_iter().flatten().collect(),
            layout: Arc::clone(&model.layout),
            replicas,
            device,
        })
    }

    /// The leaves by slot, for a network.
    pub(super) fn leaves(&self) -> Leaves {
        let pairs = self.layout.slots.iter().zip(&self.leaves);
        let named = pairs.map(|(slot, leaf)| (slot.name.clone(), leaf.shallow_clone()));
        Leaves {
            tensors: named.collect(),
            device: self.device,
        }
    }

    /// Gradients of some slots to one `[R, n]` for each group that has all of its own among them,
    /// with the group's number.
    pub(super) fn gather(&self, gradients: &[(usize, Tensor)]) -> Result<Vec<(usize, Tensor)>> {
        let mut gathered = Vec::new();
        for (number, group) in self.list.iter().enumerate() {
            let found = group.members.iter().map(|(slot, _)| {
                let (_, gradient) = gradients.iter().find(|(own, _)| own == slot)?;
                Some(gradient.f_reshape([self.replicas, -1]))
            });
            if let Some(parts) = found.collect::<Option<Vec<_>>>() {
                let parts: std::result::Result<Vec<_>, _> = parts.into_iter().collect();
                gathered.push((number, side_by_side(&parts?)?));
            }
        }
        Ok(gathered)
    }

    /// Writes a model's weights over these.
    pub(super) fn assign(&self, model: &Model) -> Result<()> {
        for group in &self.list {
            for to in std::iter::once(&group.values).chain(&group.master) {
                for (index, mut part) in group.parts(to)? {
                    part.f_copy_(&model.slots[index].f_reshape([self.replicas, -1])?)?;
                }
            }
        }
        Ok(())
    }

    /// A copy of the weights as they are.
    pub(super) fn snapshot(&self) -> Result<Model> {
        self.model(copy)
    }

    /// The weights as a model.
    pub(super) fn finish(self) -> Result<Model> {
        self.model(|values| Ok(values.shallow_clone()))
    }

    fn model(&self, take: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Model> {
        let mut slots: Vec<Option<Tensor>> = self.leaves.iter().map(|_| None).collect();
        let mut compute = None;
        for group in &self.list {
            compute = Some(group.values.f_kind()?);
            let values = take(group.master.as_ref().unwrap_or(&group.values))?;
            for (index, part) in group.parts(&values)? {
                let shape = [&[self.replicas], &self.layout.slots[index].shape()[..]].concat();
                slots[index] = Some(part.f_reshape(shape)?.f_contiguous()?);
            }
        }
        let slots = slots.into_iter().flatten().collect();
        Model::from_slots(Arc::clone(&self.layout), slots, compute)
    }
}
