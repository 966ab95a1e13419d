//! A stack of models: an architecture and its weights.

use crate::network::{Leaves, Network};
use crate::weights::copy;
use crate::{Architecture, Device, Error, Kind, Result, Tensor, Weights};

/// R models of one architecture, every weight `[R, ...]`, float32, on one device.
#[derive(Debug)]
pub struct Model {
    architecture: Architecture,
    weights: Weights,
    replicas: i64,
    device: Device,
}

impl Model {
    /// Puts weights, each `[R, ...]`, into an architecture. They share the given storage.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::ExtraTensor`], [`Error::Misshapen`] and
    /// [`Error::DataType`] name the first tensor that doesn't fit.
    pub fn new(architecture: Architecture, mut weights: Weights) -> Result<Self> {
        let mut ordered = Vec::with_capacity(weights.len());
        let mut first: Option<(i64, Device)> = None;
        for parameter in architecture.parameters() {
            let Some(tensor) = weights.remove(&parameter.name) else {
                return Err(Error::MissingTensor {
                    tensor: parameter.name,
                    expected: parameter.shape,
                });
            };
            let own = (tensor.size().first().copied().unwrap_or(0), tensor.device());
            let (replicas, _) = *first.get_or_insert(own);
            check(
                &parameter.name,
                &tensor,
                [&[replicas], parameter.shape.as_slice()].concat(),
            )?;
            ordered.push((parameter.name, tensor));
        }
        if let Some((name, _)) = weights.iter().next() {
            let architecture = architecture.name();
            return Err(Error::ExtraTensor {
                tensor: name.to_owned(),
                architecture,
            });
        }
        let (replicas, device) = first.unwrap_or((0, Device::Cpu));
        if replicas < 1 {
            return Err(Error::argument("replicas", "at least 1", replicas));
        }
        Ok(Self {
            architecture,
            weights: ordered.into_iter().collect(),
            replicas,
            device,
        })
    }

    /// What the model is.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Its numbers, in parameter order.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Number of models in the stack, R.
    pub fn replicas(&self) -> i64 {
        self.replicas
    }

    /// Where the weights lie.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Number of weights of one replica.
    pub fn parameter_count(&self) -> i64 {
        let shapes = self
            .architecture
            .parameters()
            .into_iter()
            .map(|parameter| parameter.shape);
        shapes.map(|shape| shape.iter().product::<i64>()).sum()
    }

    /// Another handle on the same storage. Nothing in this crate writes into a model's weights.
    #[must_use]
    pub fn share(&self) -> Self {
        let weights = self.weights.iter();
        let weights = weights.map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone()));
        Self {
            architecture: self.architecture.clone(),
            weights: weights.collect(),
            ..*self
        }
    }

    /// Stacks models along the replica dimension, in the order given. One model is shared without
    /// a copy.
    ///
    /// # Errors
    /// [`Error::Argument`] for no models or different architectures; [`Error::Torch`] if they lie
    /// on different devices.
    pub fn stack(models: &[&Model]) -> Result<Self> {
        let [first, rest @ ..] = models else {
            return Err(Error::argument("models to stack", "at least one", 0));
        };
        if let Some(other) = rest
            .iter()
            .find(|other| other.architecture != first.architecture)
        {
            let expected = format!("{:?}", first.architecture);
            return Err(Error::argument(
                "models to stack",
                expected,
                format!("{:?}", other.architecture),
            ));
        }
        if rest.is_empty() {
            return Ok(first.share());
        }
        let replicas = models.iter().map(|model| model.replicas).sum();
        let join = |(name, _): (&str, &Tensor)| {
            let parts: Vec<_> = models
                .iter()
                .filter_map(|model| model.weights.get(name))
                .collect();
            Ok((name.to_owned(), Tensor::f_cat(&parts, 0)?))
        };
        let weights = first.weights.iter().map(join).collect::<Result<_>>()?;
        Ok(Self {
            architecture: first.architecture.clone(),
            weights,
            replicas,
            device: first.device,
        })
    }

    /// One replica as a stack of one, with storage of its own (shared where R = 1).
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such replica.
    pub fn replica(&self, index: i64) -> Result<Self> {
        if !(0..self.replicas).contains(&index) {
            return Err(Error::argument(
                "replica",
                format!("0 to {}", self.replicas - 1),
                index,
            ));
        }
        if self.replicas == 1 {
            return Ok(self.share());
        }
        self.map(1, |_, tensor| copy(&tensor.f_narrow(0, index, 1)?))
    }

    /// The same model on a device; shares storage if it is there already.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn to_device(&self, device: Device) -> Result<Self> {
        let moved = self.map(self.replicas, |_, tensor| Ok(tensor.f_to_device(device)?))?;
        Ok(Self { device, ..moved })
    }

    /// The same architecture with each tensor replaced; shapes must stay, but for R.
    pub(crate) fn map(
        &self,
        replicas: i64,
        mut change: impl FnMut(&str, &Tensor) -> Result<Tensor>,
    ) -> Result<Self> {
        let changed =
            |(name, tensor): (&str, &Tensor)| Ok((name.to_owned(), change(name, tensor)?));
        let weights = self.weights.iter().map(changed).collect::<Result<_>>()?;
        Ok(Self {
            architecture: self.architecture.clone(),
            weights,
            replicas,
            device: self.device,
        })
    }

    /// The tensors in their places, for passes without gradients.
    pub(crate) fn network(&self) -> Result<Box<dyn Network>> {
        self.architecture
            .network(&Leaves::of(&self.weights, self.device)?)
    }

    /// Refuses rows that don't fit: other replicas, too long with `more` tokens, unknown ids.
    pub(crate) fn check_rows(&self, rows: &crate::Rows, more: i64) -> Result<()> {
        let [replicas, _, length] = rows.size()?;
        if replicas != self.replicas {
            return Err(Error::argument(
                "replicas of the rows",
                self.replicas.to_string(),
                replicas,
            ));
        }
        let limit = self.architecture.max_positions();
        if length + more > limit {
            return Err(Error::argument(
                "row length",
                format!("at most {limit}"),
                length + more,
            ));
        }
        crate::rows::check_range("token ids", &rows.tokens, self.architecture.vocab_size())
    }
}

fn check(name: &str, tensor: &Tensor, expected: Vec<i64>) -> Result<()> {
    if tensor.size() != expected {
        return Err(Error::Misshapen {
            tensor: name.to_owned(),
            expected,
            got: tensor.size(),
        });
    }
    match tensor.f_kind()? {
        Kind::Float => Ok(()),
        other => {
            let got = format!("{other:?}");
            Err(Error::DataType {
                tensor: name.to_owned(),
                expected: "Float",
                got,
            })
        }
    }
}
