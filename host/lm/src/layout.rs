//! How a model's parameters lie in memory.
//!
//! A slot is one tensor, `[R, ...]`. Most hold one parameter; projections of the same input share
//! one, side by side along their outputs, so that a single product computes them all.

use std::collections::HashMap;

use picklock_family::{Architecture, Parameter};

use crate::weights::side_by_side;
use crate::{Result, Tensor};

/// An architecture and its slots.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) architecture: Architecture,
    pub(crate) slots: Vec<Slot>,
    /// Where each parameter lies, in parameter order: slot, and part of it.
    pub(crate) places: Vec<(usize, usize)>,
}

/// Parameters that share one tensor.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Names of the parts, joined by `+`.
    pub(crate) name: String,
    /// The block that it belongs to.
    pub(crate) block: Option<usize>,
    pub(crate) parts: Vec<Parameter>,
}

impl Layout {
    pub(crate) fn new(architecture: Architecture) -> Self {
        let plan = architecture.plan();
        let sets = plan.together();
        let mut set_of: HashMap<&str, usize> = HashMap::new();
        for (index, set) in sets.iter().enumerate() {
            set_of.extend(set.iter().map(|name| (name.as_str(), index)));
        }
        let mut slots: Vec<Slot> = Vec::new();
        let mut slot_of_set: HashMap<usize, usize> = HashMap::new();
        let mut places = Vec::new();
        for (block, parameter) in plan.parameters() {
            let set = set_of.get(parameter.name.as_str());
            let known = set.and_then(|set| slot_of_set.get(set));
            let slot = *known.unwrap_or(&slots.len());
            if slot == slots.len() {
                let mut name = parameter.name.clone();
                if let Some(&set) = set {
                    slot_of_set.insert(set, slot);
                    name = joined(sets[set].iter().map(String::as_str));
                }
                let parts = Vec::new();
                slots.push(Slot { name, block, parts });
            }
            places.push((slot, slots[slot].parts.len()));
            slots[slot].parts.push(parameter);
        }
        Self {
            architecture,
            slots,
            places,
        }
    }

    /// Every parameter, in parameter order, as a view into its slot.
    pub(crate) fn views(&self, tensors: &[Tensor]) -> Result<Vec<(String, Tensor)>> {
        let places = self.places.iter();
        let views = places.map(|&(slot, part)| {
            let plan = &self.slots[slot];
            let view = plan.part(&tensors[slot], part)?;
            Ok((plan.parts[part].name.clone(), view))
        });
        views.collect()
    }
}

impl Slot {
    /// The shape of its tensor, without the replica dimension.
    pub(crate) fn shape(&self) -> Vec<i64> {
        let mut shape = self.parts[0].shape.clone();
        shape[0] = self.parts.iter().map(|part| part.shape[0]).sum();
        shape
    }

    /// A slot's tensor, `[R, ...]`, of its parts' in their order.
    pub(crate) fn join(parts: &[Tensor]) -> Result<Tensor> {
        Ok(side_by_side(parts)?.f_contiguous()?)
    }

    /// One part of the slot's tensor, as a view.
    pub(crate) fn part(&self, tensor: &Tensor, part: usize) -> Result<Tensor> {
        if self.parts.len() == 1 {
            return Ok(tensor.shallow_clone());
        }
        let before = self.parts[..part].iter();
        let start = before.map(|part| part.shape[0]).sum();
        Ok(tensor.f_narrow(1, start, self.parts[part].shape[0])?)
    }
}

/// The name of the slot that parameters of these names share.
pub(crate) fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join("+")
}
