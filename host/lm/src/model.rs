//! A stack of models: an architecture and its weights.

use std::cell::OnceCell;
use std::sync::Arc;

use picklock_family::Architecture;

use crate::decoder::Network;
use crate::layout::{Layout, Slot};
use crate::network::{Leaves, computing_view};
use crate::{Device, Error, Kind, Result, Tensor, Weights, cuda};

/// R models of one architecture, every weight `[R, ...]`, all of one type on one device.
#[derive(Debug)]
pub struct Model {
    pub(crate) layout: Arc<Layout>,
    /// One tensor for each of the layout's slots.
    pub(crate) slots: Vec<Tensor>,
    /// The parameters as views into the slots, made when first asked for.
    weights: OnceCell<Weights>,
    compute: Kind,
}

impl Model {
    /// Puts weights, each `[R, ...]`, into an architecture. They share the given storage, but for
    /// those that have to lie side by side.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::ExtraTensor`], [`Error::Misshapen`] and
    /// [`Error::DataType`] name the first tensor that doesn't fit: all must be float32, or all
    /// bfloat16.
    pub fn new(architecture: Architecture, mut weights: Weights) -> Result<Self> {
        let layout = Arc::new(Layout::new(architecture));
        let mut first: Option<(i64, Kind)> = None;
        let mut slots = Vec::with_capacity(layout.slots.len());
        for slot in &layout.slots {
            let mut parts = Vec::with_capacity(slot.parts.len());
            for parameter in &slot.parts {
                let Some(tensor) = weights.remove(&parameter.name) else {
                    return Err(Error::missing(&parameter.name, &parameter.shape));
                };
                let replicas = tensor.size().first().copied().unwrap_or(0);
                let (replicas, kind) = *first.get_or_insert((replicas, tensor.f_kind()?));
                let shape = [&[replicas], parameter.shape.as_slice()].concat();
                check(&parameter.name, &tensor, shape, kind)?;
                parts.push(tensor);
            }
            slots.push(Slot::join(&parts)?);
        }
        if let Some((name, _)) = weights.iter().next() {
            return Err(Error::ExtraTensor {
                tensor: name.to_owned(),
                architecture: layout.architecture.name(),
            });
        }
        let (replicas, _) = first.unwrap_or((0, Kind::Float));
        if replicas < 1 {
            return Err(Error::argument("replicas", "at least 1", replicas));
        }
        Self::from_slots(layout, slots, None)
    }

    /// A model of the layout's slots; `compute` as in [`Model::compute`], by default the weights'
    /// own type.
    pub(crate) fn from_slots(
        layout: Arc<Layout>,
        slots: Vec<Tensor>,
        compute: Option<Kind>,
    ) -> Result<Self> {
        let Some(first) = slots.first() else {
            return Err(Error::argument("slots", "at least one", 0));
        };
        Ok(Self {
            compute: compute.unwrap_or(first.f_kind()?),
            layout,
            slots,
            weights: OnceCell::new(),
        })
    }

    /// What the model is.
    pub fn architecture(&self) -> &Architecture {
        &self.layout.architecture
    }

    /// Its numbers, in parameter order.
    pub fn weights(&self) -> &Weights {
        self.weights.get_or_init(|| {
            let views = self.layout.views(&self.slots);
            views.unwrap_or_default().into_iter().collect()
        })
    }

    /// Number of models in the stack, R.
    pub fn replicas(&self) -> i64 {
        self.slots[0].size()[0]
    }

    /// Where the weights lie.
    pub fn device(&self) -> Device {
        self.slots[0].device()
    }

    /// The type of the weights, float32 or bfloat16.
    pub fn kind(&self) -> Kind {
        self.slots[0].kind()
    }

    /// The type that passes compute in: the weights' own, or bfloat16 where the weights are a
    /// float32 master copy.
    pub fn compute(&self) -> Kind {
        self.compute
    }

    /// Number of weights of one replica.
    pub fn parameter_count(&self) -> i64 {
        let numbers = self.slots.iter().map(Tensor::numel);
        numbers.sum::<usize>() as i64 / self.replicas()
    }

    /// Bytes of all weights.
    pub fn bytes(&self) -> u64 {
        let size = self.kind().elt_size_in_bytes() as u64;
        self.parameter_count() as u64 * self.replicas() as u64 * size
    }

    /// Another handle on the same storage. Nothing in this crate writes into a model's weights.
    #[must_use]
    pub fn share(&self) -> Self {
        Self {
            layout: Arc::clone(&self.layout),
            slots: self.slots.iter().map(Tensor::shallow_clone).collect(),
            weights: OnceCell::new(),
            compute: self.compute,
        }
    }

    /// Stacks models along the replica dimension, in the order given. One model, or the replicas of
    /// one stack in their order, are shared without a copy.
    ///
    /// # Errors
    /// [`Error::Argument`] for no models, different architectures or different types;
    /// [`Error::Torch`] if they lie on different devices.
    pub fn stack(models: &[&Model]) -> Result<Self> {
        let [first, rest @ ..] = models else {
            return Err(Error::argument("models to stack", "at least one", 0));
        };
        let same = |other: &Model| {
            Arc::ptr_eq(&other.layout, &first.layout)
                || other.architecture() == first.architecture()
        };
        if let Some(other) = rest.iter().find(|other| !same(other)) {
            let [expected, got] = [first, other].map(|model| format!("{:?}", model.architecture()));
            return Err(Error::argument("models to stack", expected, got));
        }
        let types = |model: &Model| (model.kind(), model.compute);
        if let Some(other) = rest.iter().find(|other| types(other) != types(first)) {
            let [expected, got] = [types(first), types(other)].map(|types| format!("{types:?}"));
            return Err(Error::argument(
                "types of the models to stack",
                expected,
                got,
            ));
        }
        if rest.is_empty() {
            return Ok(first.share());
        }
        let join = |slot: usize| {
            let parts: Vec<&Tensor> = models.iter().map(|model| &model.slots[slot]).collect();
            match neighbours(&parts) {
                Some(whole) => Ok(whole),
                None => Ok(Tensor::f_cat(&parts, 0)?),
            }
        };
        let slots = (0..first.slots.len()).map(join).collect::<Result<_>>()?;
        Self::from_slots(Arc::clone(&first.layout), slots, Some(first.compute))
    }

    /// One replica as a stack of one; it shares the stack's storage.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such replica.
    pub fn replica(&self, index: i64) -> Result<Self> {
        if !(0..self.replicas()).contains(&index) {
            let expected = format!("0 to {}", self.replicas() - 1);
            return Err(Error::argument("replica", expected, index));
        }
        self.each_slot(|slot| Ok(slot.f_narrow(0, index, 1)?))
    }

    /// The same model on a device; shares storage if it is there already.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn to_device(&self, device: Device) -> Result<Self> {
        self.each_slot(|slot| Ok(slot.f_to_device(device)?))
    }

    /// The same model in host memory, pinned where a GPU can reach it by itself.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn to_host(&self) -> Result<Self> {
        self.each_slot(|slot| {
            if !cuda::available(slot.device()) {
                return Ok(slot.f_to_device(Device::Cpu)?);
            }
            let mut host = cuda::pinned_like(slot)?;
            host.f_copy_(slot)?;
            Ok(host)
        })
    }

    /// The same model with weights of another type; shares storage if they are of it already.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn to_kind(&self, kind: Kind) -> Result<Self> {
        let model = self.each_slot(|slot| Ok(slot.f_to_kind(kind)?))?;
        Ok(model.computing_in(kind))
    }

    /// The same model, with passes that compute in another type.
    #[must_use]
    pub fn computing_in(&self, compute: Kind) -> Self {
        Self {
            compute,
            ..self.share()
        }
    }

    /// The same model of other tensors, one for each slot.
    pub(crate) fn each_slot(&self, change: impl FnMut(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let slots = self.slots.iter().map(change).collect::<Result<_>>()?;
        Self::from_slots(Arc::clone(&self.layout), slots, Some(self.compute))
    }

    /// The same architecture with each parameter replaced, in parameter order; shapes and types must
    /// stay.
    pub(crate) fn map(
        &self,
        mut change: impl FnMut(&str, &Tensor) -> Result<Tensor>,
    ) -> Result<Self> {
        let mut parts: Vec<Vec<Tensor>> = self.slots.iter().map(|_| Vec::new()).collect();
        let mut slots: Vec<Option<Tensor>> = self.slots.iter().map(|_| None).collect();
        for &(slot, part) in &self.layout.places {
            let plan = &self.layout.slots[slot];
            let own = plan.part(&self.slots[slot], part)?;
            parts[slot].push(change(&plan.parts[part].name, &own)?);
            if parts[slot].len() == plan.parts.len() {
                slots[slot] = Some(Slot::join(&std::mem::take(&mut parts[slot]))?);
            }
        }
        let slots = slots.into_iter().flatten().collect();
        Self::from_slots(Arc::clone(&self.layout), slots, Some(self.compute))
    }

    /// The decoder over views of the weights (copies, where it computes in another type), for passes
    /// without gradients.
    pub(crate) fn network(&self) -> Result<Network> {
        let slots = self.layout.slots.iter().zip(&self.slots);
        let tensors = slots.map(|(slot, tensor)| {
            let view = computing_view(tensor)?.f_to_kind(self.compute)?;
            Ok((slot.name.clone(), view))
        });
        let leaves = Leaves {
            tensors: tensors.collect::<Result<_>>()?,
            device: self.device(),
        };
        Network::new(&self.architecture().plan(), &leaves)
    }

    /// Refuses rows that don't fit: other replicas, too long with `more` tokens, unknown ids.
    pub(crate) fn check_rows(&self, rows: &crate::Rows, more: i64) -> Result<()> {
        rows.check_fit(self.architecture(), self.replicas(), more)
    }
}

/// One tensor over parts `[1, ...]` that follow one another in one storage.
fn neighbours(parts: &[&Tensor]) -> Option<Tensor> {
    let first = parts.first()?;
    let size = first.size();
    let bytes = first.numel() * first.f_kind().ok()?.elt_size_in_bytes();
    let start = first.data_ptr() as usize;
    let follows = |(index, part): (usize, &&Tensor)| {
        part.data_ptr() as usize == start + index * bytes
            && part.size() == size
            && part.device() == first.device()
            && part.is_contiguous()
    };
    if size.first() != Some(&1) || !parts.iter().enumerate().all(follows) {
        return None;
    }
    let numel = first.numel() as i64;
    let mut whole = size;
    whole[0] = parts.len() as i64;
    let mut strides = first.stride();
    *strides.first_mut()? = numel;
    // Neighbours in memory may still be two allocations: then this asks beyond the first and fails.
    first.f_as_strided(&whole, &strides, None).ok()
}

fn check(name: &str, tensor: &Tensor, expected: Vec<i64>, kind: Kind) -> Result<()> {
    let (size, got, tensor) = (tensor.size(), tensor.f_kind()?, name.to_owned());
    if size != expected {
        let got = size;
        return Err(Error::Misshapen {
            tensor,
            expected,
            got,
        });
    }
    let (wanted, expected) = match kind {
        Kind::BFloat16 => (Kind::BFloat16, "BFloat16"),
        _ => (Kind::Float, "Float"),
    };
    if got == wanted {
        return Ok(());
    }
    let got = format!("{got:?}");
    Err(Error::DataType {
        tensor,
        expected,
        got,
    })
}
