//! The layers that architectures are made of, for one model or a stack of R.
//!
//! Activations are "flat": `[N, D]` for one model, `[R, N, D]` for a stack, N = batch x positions.

use picklock_family::{HeadNormsPlan, Inputs, LinearPlan, NormKind, NormPlan};

use crate::layout::joined;
use crate::network::{Leaves, width_of};
use crate::{Kind, Result, Tensor, cuda};

/// `y = x W + b`.
pub(crate) struct Linear {
    /// `[V, D]` or `[R, V, D]` of a head, which has no bias.
    pub(crate) weight: Tensor,
    bias: Option<Tensor>,
    inputs: Inputs,
}

impl Linear {
    /// Takes `NAME.weight` and, where there is one, `NAME.bias`; of several names the slot that they
    /// share.
    pub(crate) fn new(leaves: &Leaves, names: &[&str], inputs: Inputs) -> Result<Self> {
        let slot = |part: &str| {
            let names: Vec<String> = names.iter().map(|name| format!("{name}.{part}")).collect();
            joined(names.iter().map(String::as_str))
        };
        Ok(Self {
            weight: leaves.get(&slot("weight"))?,
            bias: leaves.find(&slot("bias")),
            inputs,
        })
    }

    /// One projection, or several of one layout whose outputs lie side by side.
    pub(crate) fn of(leaves: &Leaves, plans: &[&LinearPlan]) -> Result<Self> {
        let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
        let layout = plans.first().map_or(Inputs::Last, |plan| plan.layout);
        Self::new(leaves, &names, layout)
    }

    /// Two that give the first half of its outputs and the second.
    pub(crate) fn halves(&self) -> Result<[Self; 2]> {
        let outputs = match self.inputs {
            Inputs::First => -1,
            Inputs::Last => -2,
        };
        let weights = self.weight.f_chunk(2, outputs)?;
        let biases = match &self.bias {
            Some(bias) => Some(bias.f_chunk(2, -1)?),
            None => None,
        };
        let half = |index: usize| Self {
            weight: weights[index].shallow_clone(),
            bias: biases.as_ref().map(|halves| halves[index].shallow_clone()),
            inputs: self.inputs,
        };
        Ok([half(0), half(1)])
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if self.weight.dim() == 3 {
            let weight = match self.inputs {
                Inputs::First => self.weight.shallow_clone(),
                Inputs::Last => self.weight.f_transpose(1, 2)?,
            };
            return Ok(match &self.bias {
                Some(bias) => bias.f_baddbmm(x, &weight, 1, 1)?,
                None => x.f_bmm(&weight)?,
            });
        }
        Ok(match (self.inputs, &self.bias) {
            (Inputs::Last, bias) => x.f_linear(&self.weight, bias.as_ref())?,
            (Inputs::First, Some(bias)) => bias.f_addmm(x, &self.weight)?,
            (Inputs::First, None) => x.f_mm(&self.weight)?,
        })
    }
}

/// Rows of a table, `[V, D]` or `[R, V, D]`.
pub(crate) struct Embedding {
    table: Tensor,
    /// Where each replica's rows begin in the table of all, `[R, 1, 1]`; `None` for one model.
    offsets: Option<Tensor>,
}

impl Embedding {
    pub(crate) fn new(leaves: &Leaves, name: &str) -> Result<Self> {
        let table = leaves.get(&format!("{name}.weight"))?;
        let offsets = match table.size()[..] {
            [replicas, entries, _] => Some(
                Tensor::f_arange(replicas, (Kind::Int64, table.device()))?
                    .f_mul_scalar(entries)?
                    .f_view_([replicas, 1, 1])?,
            ),
            _ => None,
        };
        Ok(Self { table, offsets })
    }

    /// `[R, B, T]` ids to `[R, B, T, D]`.
    pub(crate) fn look_up(&self, ids: &Tensor) -> Result<Tensor> {
        let width = width_of(&self.table);
        let (replicas, batch, length) = ids.size3()?;
        let table = self.table.f_reshape([-1, width])?;
        let ids = match &self.offsets {
            Some(offsets) => ids.f_add(offsets)?,
            None => ids.shallow_clone(),
        };
        if cuda::available(ids.device()) {
            let rows = cuda::embedding(&table, &ids.f_view_([replicas, -1])?)?;
            return Ok(rows.f_view_([replicas, batch, length, width])?);
        }
        Ok(Tensor::f_embedding(&table, &ids, -1, false, false)?)
    }

    /// Entries `first..first + length`, to be added to `[R, B, T, D]`.
    pub(crate) fn range(&self, first: i64, length: i64) -> Result<Tensor> {
        Ok(match self.offsets {
            Some(_) => self.table.f_narrow(1, first, length)?.f_unsqueeze(1)?,
            None => self.table.f_narrow(0, first, length)?,
        })
    }
}

/// A layer norm, with weight and bias, or a root-mean-square norm (Zhang and Sennrich 2019), with a
/// weight.
pub(crate) struct Norm {
    kind: NormKind,
    weight: Tensor,
    bias: Option<Tensor>,
    epsilon: f64,
}

impl Norm {
    pub(crate) fn new(leaves: &Leaves, plan: &NormPlan) -> Result<Self> {
        let part = |part| leaves.get(&format!("{}.{part}", plan.name));
        Ok(Self {
            kind: plan.kind,
            weight: part("weight")?,
            bias: match plan.kind {
                NormKind::Layer => Some(part("bias")?),
                NormKind::Rms => None,
            },
            epsilon: plan.epsilon,
        })
    }

    /// Adds `delta` to the residual stream `x`; gives the sum, and the sum normed.
    pub(crate) fn add(&self, x: &Tensor, delta: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        if cuda::available(x.device()) {
            let weights = (&self.weight, self.bias.as_ref());
            return cuda::norm(x, delta, weights, self.epsilon, self.kind);
        }
        let sum = match delta {
            Some(delta) => x.f_add(delta)?,
            None => x.shallow_clone(),
        };
        let normed = self.norm(&sum)?;
        Ok((sum, normed))
    }

    fn norm(&self, x: &Tensor) -> Result<Tensor> {
        let width = [width_of(&self.weight)];
        let stacked = self.weight.dim() > 1;
        let weight = (!stacked).then_some(&self.weight);
        Ok(match (self.kind, &self.bias) {
            // Rounded before the weight's product, as transformers does.
            (NormKind::Rms, _) => x
                .f_rms_norm(width, None::<&Tensor>, self.epsilon)?
                .f_mul(&self.weight)?,
            (NormKind::Layer, Some(bias)) if stacked => {
                let normed = x.f_layer_norm(width, weight, None, self.epsilon, false)?;
                bias.f_addcmul(&normed, &self.weight)?
            }
            (NormKind::Layer, bias) => {
                x.f_layer_norm(width, weight, bias.as_ref(), self.epsilon, false)?
            }
        })
    }
}

/// A layer norm of each head's own, with a weight and no bias.
pub(crate) struct HeadNorm {
    /// One for each head.
    weights: Vec<Tensor>,
    epsilon: f64,
}

impl HeadNorm {
    pub(crate) fn new(leaves: &Leaves, plan: &HeadNormsPlan) -> Result<Self> {
        let weights = plan
            .names()
            .map(|name| leaves.get(&format!("{name}.weight")));
        Ok(Self {
            weights: weights.collect::<Result<_>>()?,
            epsilon: plan.epsilon,
        })
    }

    /// Norms heads `[R*B, H, T, d]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_, heads, length, width) = x.size4()?;
        let each = self.weights.iter();
        let each: Vec<_> = each
            .map(|weight| Ok(weight.f_view_([-1, 1, 1, 1, width])?)) // [R, 1, 1, 1, d]
            .collect::<Result<_>>()?;
        let weights = Tensor::f_cat(&each, 2)?; // [R, 1, H, 1, d]
        let normed = x.f_layer_norm([width], None::<&Tensor>, None, self.epsilon, false)?;
        let shape = [weights.size()[0], -1, heads, length, width];
        Ok(normed
            .f_reshape(shape)?
            .f_mul(&weights)?
            .f_view_(x.size())?)
    }
}
