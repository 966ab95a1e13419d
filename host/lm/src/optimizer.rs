//! `AdamW` and Lion, with decoupled weight decay, on groups of weights.

use serde::{Deserialize, Serialize};

use crate::{Error, Kind, Result, Tensor};

/// An optimiser and its constants; weight decay is decoupled and applies to every weight.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Optimizer {
    /// Loshchilov and Hutter 2019 (arXiv 1711.05101), as `torch.optim.AdamW`.
    AdamW {
        /// Decay of the mean gradient.
        beta1: f64,
        /// Decay of the mean square.
        beta2: f64,
        /// Added to the root of the mean square.
        epsilon: f64,
        /// Share of each weight that goes per step, times the learning rate.
        weight_decay: f64,
    },
    /// Chen et al. 2023 (arXiv 2302.06675).
    Lion {
        /// Weight of the old mean in the update's direction.
        beta1: f64,
        /// Decay of the mean gradient.
        beta2: f64,
        /// Share of each weight that goes per step, times the learning rate.
        weight_decay: f64,
    },
}

impl Optimizer {
    /// Refuses constants outside their ranges.
    pub(crate) fn check(&self) -> Result<()> {
        let (Self::AdamW {
            beta1,
            beta2,
            weight_decay,
            ..
        }
        | Self::Lion {
            beta1,
            beta2,
            weight_decay,
        }) = *self;
        for (what, beta) in [("beta1", beta1), ("beta2", beta2)] {
            if !(0.0..1.0).contains(&beta) {
                return Err(Error::argument(what, "from 0 to below 1", beta));
            }
        }
        if !(weight_decay >= 0.0 && weight_decay.is_finite()) {
            return Err(Error::argument("weight decay", "0 or more", weight_decay));
        }
        match *self {
            Self::AdamW { epsilon, .. } if !(epsilon > 0.0 && epsilon.is_finite()) => {
                Err(Error::argument("epsilon", "above 0", epsilon))
            }
            _ => Ok(()),
        }
    }

    /// Empty averages for a group of weights.
    pub(crate) fn state(&self, weights: &Tensor, kind: Kind) -> Result<State> {
        let zeros = || Tensor::f_zeros(weights.size(), (kind, weights.device()));
        Ok(State {
            mean: zeros()?,
            square: match self {
                Self::AdamW { .. } => Some(zeros()?),
                Self::Lion { .. } => None,
            },
        })
    }

    /// What a step, counted from 1, needs besides its constants: the rate, and by how much the
    /// averages of the gradient and of its square fall short, having begun at 0.
    pub(crate) fn factors(&self, step: usize, rate: f64) -> [f64; 3] {
        let steps = step as i32;
        match *self {
            Self::AdamW { beta1, beta2, .. } => {
                [rate, 1.0 - beta1.powi(steps), 1.0 - beta2.powi(steps)]
            }
            Self::Lion { .. } => [rate, 1.0, 1.0],
        }
    }

    /// One step, in place, of weights that may be rounded copies of `master`. The gradient's storage
    /// is used up where it is float32.
    pub(crate) fn step(
        &self,
        state: &State,
        weights: &Tensor,
        master: Option<&Tensor>,
        gradient: &Tensor,
        factors: [f64; 3],
    ) -> Result<()> {
        if factors[0] == 0.0 {
            return Ok(()); // averages would be the only thing to change, and nothing reads them
        }
        // Shares storage where it is float32 already: then writing back is a copy onto itself.
        let mut gradient = gradient.f_to_kind(Kind::Float)?;
        let mut mean = state.mean.f_to_kind(Kind::Float)?;
        let square = state.square.as_ref();
        let square = square.map(|square| square.f_to_kind(Kind::Float));
        let mut square = square.transpose()?;
        let mut values = match master {
            Some(master) => master.shallow_clone(),
            None => weights.f_to_kind(Kind::Float)?,
        };
        self.update(
            &mut values,
            &mut gradient,
            &mut mean,
            square.as_mut(),
            factors,
        )?;
        write_back(weights, &values)?;
        write_back(&state.mean, &mean)?;
        if let (Some(kept), Some(square)) = (&state.square, &square) {
            write_back(kept, square)?;
        }
        Ok(())
    }

    fn update(
        &self,
        weights: &mut Tensor,
        gradient: &mut Tensor,
        mean: &mut Tensor,
        square: Option<&mut Tensor>,
        [rate, c1, c2]: [f64; 3],
    ) -> Result<()> {
        let (Self::AdamW { weight_decay, .. } | Self::Lion { weight_decay, .. }) = *self;
        if weight_decay > 0.0 {
            let _ = weights.f_mul_scalar_(1.0 - rate * weight_decay)?;
        }
        match (*self, square) {
            (
                Self::AdamW {
                    beta1,
                    beta2,
                    epsilon,
                    ..
                },
                Some(square),
            ) => {
                let _ = mean.f_lerp_(gradient, 1.0 - beta1)?;
                let _ = gradient.f_square_()?;
                let _ = square.f_lerp_(gradient, 1.0 - beta2)?;
                // weights -= rate * (mean / c1) / (sqrt(square / c2) + epsilon), with the scalars
                // folded into the divisor, as tch's addcdiv takes no factor.
                let _ = square.f_sqrt_out(gradient)?;
                let _ = gradient.f_mul_scalar_(-c1 / (rate * c2.sqrt()))?;
                let _ = gradient.f_add_scalar_(-c1 * epsilon / rate)?;
                let _ = weights.f_addcdiv_(mean, gradient)?;
            }
            (Self::Lion { beta1, beta2, .. }, None) => {
                let mut update = mean.f_lerp(gradient, 1.0 - beta1)?;
                let _ = update.f_sign_()?;
                let _ = update.f_mul_scalar_(-rate)?;
                let _ = weights.f_add_(&update)?;
                let _ = mean.f_lerp_(gradient, 1.0 - beta2)?;
            }
            _ => {
                return Err(Error::argument(
                    "optimizer state",
                    "the optimizer's own",
                    "another's",
                ));
            }
        }
        Ok(())
    }
}

/// Rounds values into a tensor, unless they lie there already.
fn write_back(kept: &Tensor, values: &Tensor) -> Result<()> {
    if kept.data_ptr() != values.data_ptr() {
        kept.shallow_clone().f_copy_(values)?;
    }
    Ok(())
}

/// Running averages over the gradients of a group, shaped as its weights.
pub(crate) struct State {
    /// Of the gradient.
    pub(crate) mean: Tensor,
    /// Of its square, for `AdamW`.
    pub(crate) square: Option<Tensor>,
}
