//! The weights under training, laid out so that an optimiser's step is few calls.
//!
//! Every slot is a leaf of its own. On a CPU small ones are views into one buffer `[R, n]`, so that
//! the optimiser treats them together: for tiny models the number of calls is what costs time.

use std::collections::HashMap;
use std::sync::Arc;

use picklock_sdk::Memory;

use crate::layout::Layout;
use crate::network::{Leaves, computing_view};
use crate::{Device, Kind, Model, Result, Tensor};

/// On a CPU, slots of up to so many numbers a replica share a buffer.
const SMALL: i64 = 1 << 16;

/// A copy of a model's weights, in groups, with leaves that gradients are taken for.
pub(super) struct Groups {
    pub(super) list: Vec<Group>,
    /// One for each slot.
    leaves: Vec<Tensor>,
    layout: Arc<Layout>,
    replicas: i64,
    device: Device,
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
        let slots = model.slots();
        let count = |slot: &Tensor| slot.numel() as i64 / replicas;
        let shared = device == Device::Cpu && !by_block(memory);
        let (small, large): (Vec<usize>, Vec<usize>) =
            (0..slots.len()).partition(|&index| shared && count(&slots[index]) <= SMALL);
        let sets = [small]
            .into_iter()
            .chain(large.into_iter().map(|index| vec![index]));
        let mut list = Vec::new();
        let mut leaves: Vec<Option<Tensor>> = slots.iter().map(|_| None).collect();
        for set in sets.filter(|set| !set.is_empty()) {
            let members: Vec<_> = set
                .iter()
                .map(|&index| (index, count(&slots[index])))
                .collect();
            let copy = |kind: Kind| -> Result<Tensor> {
                let part = |&index: &usize| slots[index].f_reshape([replicas, -1]);
                let parts = set.iter().map(part);
                let parts = parts.collect::<std::result::Result<Vec<_>, _>>()?;
                let whole = match &parts[..] {
                    [single] => single.shallow_clone(),
                    several => Tensor::f_cat(several, 1)?,
                };
                Ok(whole
                    .f_to_device_(device, kind, false, true)?
                    .f_contiguous()?)
            };
            let values = copy(compute)?;
            let mut start = 0;
            for &(index, length) in &members {
                let view = values
                    .f_narrow(1, start, length)?
                    .f_view_(slots[index].size())?;
                let leaf = computing_view(&view)?.f_detach()?;
                leaves[index] = Some(leaf.f_set_requires_grad(true)?);
                start += length;
            }
            list.push(Group {
                master: master.then(|| copy(Kind::Float)).transpose()?,
                values,
                members,
            });
        }
        Ok(Self {
            list,
            leaves: leaves.into_iter().flatten().collect(),
            layout: Arc::clone(model.layout()),
            replicas,
            device,
        })
    }

    pub(super) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    pub(super) fn device(&self) -> Device {
        self.device
    }

    /// The leaves by slot, for a network.
    pub(super) fn leaves(&self) -> Leaves {
        let pairs = self.layout.slots.iter().zip(&self.leaves);
        let tensors: HashMap<_, _> = pairs
            .map(|(slot, leaf)| (slot.name.clone(), leaf.shallow_clone()))
            .collect();
        Leaves::from_views(tensors, self.device)
    }

    /// The leaves, one for each slot.
    pub(super) fn leaf_list(&self) -> &[Tensor] {
        &self.leaves
    }

    /// Gradients of some slots to one `[R, n]` for each group that has all of its own among them,
    /// with the group's number.
    pub(super) fn gather(&self, gradients: &[(usize, Tensor)]) -> Result<Vec<(usize, Tensor)>> {
        let mut gathered = Vec::new();
        for (number, group) in self.list.iter().enumerate() {
            let of = |&(slot, _): &(usize, i64)| {
                let found = gradients.iter().find(|(own, _)| *own == slot);
                found.map(|(_, gradient)| gradient.f_reshape([self.replicas, -1]))
            };
            let Some(parts) = group.members.iter().map(of).collect::<Option<Vec<_>>>() else {
                continue;
            };
            let parts = parts.into_iter();
            let parts = parts.collect::<std::result::Result<Vec<_>, _>>()?;
            let whole = match &parts[..] {
                [single] => single.shallow_clone(),
                several => Tensor::f_cat(several, 1)?,
            };
            gathered.push((number, whole));
        }
        Ok(gathered)
    }

    /// Writes a model's weights over these.
    pub(super) fn assign(&mut self, model: &Model) -> Result<()> {
        let slots = model.slots();
        for group in &mut self.list {
            let mut start = 0;
            for &(index, length) in &group.members {
                let from = slots[index].f_reshape([self.replicas, -1])?;
                for to in [Some(&group.values), group.master.as_ref()]
                    .into_iter()
                    .flatten()
                {
                    to.f_narrow(1, start, length)?.f_copy_(&from)?;
                }
                start += length;
            }
        }
        Ok(())
    }

    /// A copy of the weights as they are.
    pub(super) fn snapshot(&self) -> Result<Model> {
        self.model(crate::weights::copy)
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
            let mut start = 0;
            for &(index, length) in &group.members {
                let shape = [&[self.replicas], &self.layout.slots[index].shape()[..]].concat();
                let part = values.f_narrow(1, start, length)?;
                slots[index] = Some(part.f_reshape(shape)?.f_contiguous()?);
                start += length;
            }
        }
        let slots = slots.into_iter().flatten().collect();
        Model::from_slots(Arc::clone(&self.layout), slots, compute)
    }
}
