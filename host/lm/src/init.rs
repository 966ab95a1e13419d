//! Random models.

use std::sync::Arc;

use picklock_family::{Architecture, Parameter, Role};

use crate::layout::{Layout, Slot};
use crate::{Device, Kind, Model, Result, Tensor};

/// How random weights are scaled. Matrices are N(0, 1 / sqrt(inputs)), norm weights 1, biases 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Init {
    /// Standard deviation of token and position embeddings.
    pub embedding_std: f64,
    /// Whether projections into the residual stream are divided by the square root of their
    /// number, 2 L (Radford et al. 2019).
    pub scale_residual: bool,
}

impl Default for Init {
    /// The tiny organisms' scheme: embeddings N(0, 0.5), residual outputs scaled.
    fn default() -> Self {
        Self {
            embedding_std: 0.5,
            scale_residual: true,
        }
    }
}

/// What a parameter starts from.
enum Start {
    Constant(f64),
    Normal(f64),
}

impl Init {
    fn start(&self, role: Role) -> Start {
        use Start::{Constant, Normal};

        let matrix = |fan_in: i64| (fan_in as f64).sqrt().recip();
        match role {
            Role::Embedding => Normal(self.embedding_std),
            Role::ResidualOutput { fan_in, count } if self.scale_residual => {
                Normal(matrix(fan_in) / (count as f64).sqrt())
            }
            Role::Matrix { fan_in } | Role::ResidualOutput { fan_in, .. } => Normal(matrix(fan_in)),
            Role::NormWeight => Constant(1.0),
            Role::Bias => Constant(0.0),
        }
    }
}

impl Model {
    /// A stack of random models. `fill(replica, numbers)` writes standard normals; it is called
    /// once for each replica of each random tensor, tensors in parameter order.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for less than one replica.
    pub fn random(
        architecture: &Architecture,
        scheme: &Init,
        replicas: i64,
        device: Device,
        fill: &mut dyn FnMut(usize, &mut [f32]),
    ) -> Result<Self> {
        let parameters = architecture.parameters().into_iter();
        let weights = parameters.map(|parameter| {
            let tensor = random_tensor(&parameter, scheme, replicas, fill)?.f_to_device(device)?;
            Ok((parameter.name, tensor))
        });
        Self::new(architecture.clone(), weights.collect::<Result<_>>()?)
    }

    /// A stack whose numbers are made on the device, small and at random, from libtorch's own
    /// generator: for measuring speed, where they don't matter.
    ///
    /// # Errors
    /// [`Error::Torch`](crate::Error::Torch) if there is no room.
    pub fn noise(
        architecture: &Architecture,
        replicas: i64,
        kind: Kind,
        device: Device,
    ) -> Result<Self> {
        let layout = Arc::new(Layout::new(architecture.clone()));
        let slot = |slot: &Slot| {
            let shape = [&[replicas], &slot.shape()[..]].concat();
            let mut numbers = Tensor::f_empty(shape, (kind, device))?;
            Ok(match slot.parts[0].role {
                Role::NormWeight => numbers.f_fill_(1.0)?,
                Role::Bias => numbers.f_zero_()?,
                _ => numbers.f_normal_(0.0, 0.02)?,
            })
        };
        let slots = layout.slots.iter().map(slot).collect::<Result<_>>()?;
        Self::from_slots(layout, slots, None)
    }
}

fn random_tensor(
    parameter: &Parameter,
    scheme: &Init,
    replicas: i64,
    fill: &mut dyn FnMut(usize, &mut [f32]),
) -> Result<Tensor> {
    let size: usize = parameter.shape.iter().product::<i64>() as usize;
    let mut numbers = vec![0.0_f32; size * replicas.max(0) as usize];
    match scheme.start(parameter.role) {
        Start::Constant(constant) => numbers.fill(constant as f32),
        Start::Normal(std) => {
            for (replica, part) in numbers.chunks_mut(size).enumerate() {
                fill(replica, part);
                for number in part {
                    *number *= std as f32;
                }
            }
        }
    }
    Ok(Tensor::f_from_slice(&numbers)?
        .f_view_([&[replicas], parameter.shape.as_slice()].concat())?)
}
