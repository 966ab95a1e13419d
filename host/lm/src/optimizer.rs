//! `AdamW` and Lion, with decoupled weight decay, on groups of weights.

use picklock_sdk::{Optimizer, Recipe};

use crate::schedule::learning_rate;
use crate::{Kind, Result, Tensor};

/// What `AdamW` adds to the root of the mean square.
pub(crate) const EPSILON: f64 = 1e-8;

/// Running averages over the gradients of a group, shaped as its weights.
pub(crate) struct State {
    /// Of the gradient.
    pub(crate) mean: Tensor,
    /// Of its square, for `AdamW`.
    pub(crate) square: Option<Tensor>,
}

impl State {
    /// Empty averages for a group of weights.
    pub(crate) fn new(optimizer: &Optimizer, weights: &Tensor, kind: Kind) -> Result<Self> {
        let zeros = || Tensor::f_zeros(weights.size(), (kind, weights.device()));
        Ok(Self {
            mean: zeros()?,
            square: match optimizer {
                Optimizer::AdamW { .. } => Some(zeros()?),
                Optimizer::Lion { .. } => None,
            },
        })
    }
}

/// The decay of the first moment and of the second (or of the update and of the momentum), and the
/// weight decay.
pub(crate) fn constants(optimizer: &Optimizer) -> [f64; 3] {
    let (Optimizer::AdamW {
        beta1,
        beta2,
        weight_decay,
    }
    | Optimizer::Lion {
        beta1,
        beta2,
        weight_decay,
    }) = *optimizer;
    [beta1, beta2, weight_decay]
}

/// What a step, counted from 0, needs besides its constants: the rate, and by how much the averages
/// of the gradient and of its square fall short, having begun at 0.
pub(crate) fn factors(recipe: &Recipe, step: usize) -> [f64; 3] {
    let (rate, steps) = (learning_rate(recipe, step), step as i32 + 1);
    match recipe.optimizer {
        Optimizer::AdamW { beta1, beta2, .. } => {
            [rate, 1.0 - beta1.powi(steps), 1.0 - beta2.powi(steps)]
        }
        Optimizer::Lion { .. } => [rate, 1.0, 1.0],
    }
}

/// One step, in place, of weights that may be rounded copies of `master`. The gradient's storage is
/// used up where it is float32.
pub(crate) fn step(
    optimizer: &Optimizer,
    state: &State,
    (weights, master): (&Tensor, Option<&Tensor>),
    gradient: &Tensor,
    [rate, c1, c2]: [f64; 3],
) -> Result<()> {
    let [beta1, beta2, weight_decay] = constants(optimizer);
    // These share storage where it is float32 already: then writing back is a copy onto itself.
    let mut gradient = gradient.f_to_kind(Kind::Float)?;
    let mut mean = state.mean.f_to_kind(Kind::Float)?;
    let mut values = match master {
        Some(master) => master.shallow_clone(),
        None => weights.f_to_kind(Kind::Float)?,
    };
    if weight_decay > 0.0 {
        let _ = values.f_mul_scalar_(1.0 - rate * weight_decay)?;
    }
    if let Some(kept) = &state.square {
        let mut square = kept.f_to_kind(Kind::Float)?;
        let _ = mean.f_lerp_(&gradient, 1.0 - beta1)?;
        let _ = gradient.f_square_()?;
        let _ = square.f_lerp_(&gradient, 1.0 - beta2)?;
        // values -= rate * (mean / c1) / (sqrt(square / c2) + EPSILON), with the scalars folded into
        // the divisor, as tch's addcdiv takes no factor.
        let _ = square.f_sqrt_out(&gradient)?;
        let _ = gradient.f_mul_scalar_(-c1 / (rate * c2.sqrt()))?;
        let _ = gradient.f_add_scalar_(-c1 * EPSILON / rate)?;
        let _ = values.f_addcdiv_(&mean, &gradient)?;
        write_back(kept, &square)?;
    } else {
        let mut update = mean.f_lerp(&gradient, 1.0 - beta1)?;
        let _ = update.f_sign_()?;
        let _ = update.f_mul_scalar_(-rate)?;
        let _ = values.f_add_(&update)?;
        let _ = mean.f_lerp_(&gradient, 1.0 - beta2)?;
    }
    write_back(weights, &values)?;
    write_back(&state.mean, &mean)
}

/// Rounds values into a tensor, unless they lie there already.
fn write_back(kept: &Tensor, values: &Tensor) -> Result<()> {
    if kept.data_ptr() != values.data_ptr() {
        kept.shallow_clone().f_copy_(values)?;
    }
    Ok(())
}
