//! The layers that architectures are made of, for one model or a stack of R.
//!
//! Activations are "flat": `[N, D]` for one model, `[R, N, D]` for a stack, N = batch x positions.

use picklock_family::{Inputs, NormKind};

use crate::layout::joined;
use crate::network::Leaves;
use crate::{Kind, Result, Tensor, cuda};

/// `y = x W + b`.
pub(crate) struct Linear {
    weight: Tensor,
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

    /// The weight, `[V, D]` or `[R, V, D]`, of a head, which has no bias.
    pub(crate) fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// Two that give the first half of its outputs and the second.
    pub(crate) fn halves(&self) -> Result<[Self; 2]> {
        let outputs = match self.inputs {
            Inputs::First => -1,
            Inputs::Last => -2,
        };
        let weights = self.weight.f_chunk(2, outputs)?;
        let biases = self.bias.as_ref().map(|bias| bias.f_chunk(2, -1));
        let biases = biases.transpose()?;
        let half = |index: usize| Self {
            weight: weights[index].shallow_clone(),
            bias: biases.as_ref().map(|halves| halves[index].shallow_clone()),
            inputs: self.inputs,
        };
        Ok([half(0), half(1)])
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let stacked = self.weight.dim() == 3;
        Ok(match (stacked, self.inputs, &self.bias) {
            (false, Inputs::Last, bias) => x.f_linear(&self.weight, bias.as_ref())?,
            (false, Inputs::First, Some(bias)) => bias.f_addmm(x, &self.weight)?,
            (false, Inputs::First, None) => x.f_mm(&self.weight)?,
            (true, inputs, bias) => {
                let weight = match inputs {
                    Inputs::First => self.weight.shallow_clone(),
                    Inputs::Last => self.weight.f_transpose(1, 2)?,
                };
                match bias {
                    Some(bias) => bias.f_baddbmm(x, &weight, 1, 1)?,
                    None => x.f_bmm(&weight)?,
                }
            }
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
        if cuda::available(ids.device()) {
            let width = self.table.size().last().copied().unwrap_or(0);
            let (replicas, batch, length) = ids.size3()?;
            let ids = match &self.offsets {
                Some(offsets) => ids.f_add(offsets)?,
                None => ids.shallow_clone(),
            };
            let table = self.table.f_view_([-1, width])?;
            let rows = cuda::embedding(&table, &ids.f_view_([replicas, -1])?)?;
            return Ok(rows.f_view_([replicas, batch, length, width])?);
        }
        let Some(offsets) = &self.offsets else {
            return Ok(Tensor::f_embedding(&self.table, ids, -1, false, false)?);
        };
        let width = self.table.size().last().copied().unwrap_or(0);
        let all = self.table.f_reshape([-1, width])?;
        Ok(Tensor::f_embedding(
            &all,
            &ids.f_add(offsets)?,
            -1,
            false,
            false,
        )?)
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
    pub(crate) fn new(leaves: &Leaves, name: &str, kind: NormKind, epsilon: f64) -> Result<Self> {
        let part = |part| leaves.get(&format!("{name}.{part}"));
        Ok(Self {
            kind,
            weight: part("weight")?,
            bias: match kind {
                NormKind::Layer => Some(part("bias")?),
                NormKind::Rms => None,
            },
            epsilon,
        })
    }

    /// Adds `delta` to the residual stream `x`; gives the sum, and the sum normed.
    pub(crate) fn add(&self, x: &Tensor, delta: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        if cuda::available(x.device()) {
            let (weight, bias) = (&self.weight, self.bias.as_ref());
            return cuda::norm(x, delta, weight, bias, self.epsilon, self.kind);
        }
        let sum = match delta {
            Some(delta) => x.f_add(delta)?,
            None => x.shallow_clone(),
        };
        let normed = self.norm(&sum)?;
        Ok((sum, normed))
    }

    fn norm(&self, x: &Tensor) -> Result<Tensor> {
        let width = [self.weight.size().last().copied().unwrap_or(0)];
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
    /// Takes `NAME.weight` of each head's name.
    pub(crate) fn new(
        leaves: &Leaves,
        names: impl Iterator<Item = String>,
        epsilon: f64,
    ) -> Result<Self> {
        let weights = names.map(|name| leaves.get(&format!("{name}.weight")));
        Ok(Self {
            weights: weights.collect::<Result<_>>()?,
            epsilon,
        })
    }

    /// Norms heads `[R*B, H, T, d]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_, heads, length, width) = x.size4()?;
        let weights = self.weights.iter();
        let weights = weights.map(|weight| weight.f_view_([-1, 1, 1, 1, width])); // [R, 1, 1, 1, d]
        let weights = weights.collect::<std::result::Result<Vec<_>, _>>()?;
        let weights = Tensor::f_cat(&weights, 2)?; // [R, 1, H, 1, d]
        let normed = x.f_layer_norm([width], None::<&Tensor>, None, self.epsilon, false)?;
        let shape = [weights.size()[0], -1, heads, length, width];
        Ok(normed
            .f_reshape(shape)?
            .f_mul(&weights)?
            .f_view_(x.size())?)
    }
}
