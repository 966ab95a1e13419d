//! The forward pass of every family: a [`Plan`] with its tensors in their places.

use super::plan::{
    AttentionPlan, BlockPlan, Fusion, Gelu, HeadNormsPlan, LinearPlan, MlpPlan, NormKind, NormPlan,
    Plan, Positions, ProjectionPlan,
};
use super::rope::Rotation;
use crate::attention::attend;
use crate::cache::Cache;
use crate::layer::{Embedding, HeadNorm, Inputs, LayerNorm, Linear, RmsNorm};
use crate::network::{Leaves, Network, Pass};
use crate::{Error, Result, Tensor};

/// A whole decoder.
pub(super) struct Decoder {
    embedding: Embedding,
    places: Places,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
}

/// What tells a token's place.
enum Places {
    Learned(Embedding),
    /// Frequencies, `[n]`, of a head's first 2 n numbers.
    Rotary(Tensor),
}

struct Block {
    attention_norm: Norm,
    attention: Attention,
    mlp_norm: Option<Norm>,
    mlp: Mlp,
    parallel: bool,
}

struct Attention {
    projection: Projection,
    /// Of queries and of keys.
    head_norms: Option<[HeadNorm; 2]>,
    output: Linear,
    window: Option<i64>,
}

enum Projection {
    Separate {
        parts: [Linear; 3],
        heads: [i64; 3],
    },
    Fused {
        all: Linear,
        heads: i64,
        fusion: Fusion,
    },
}

enum Mlp {
    Gated {
        gate: Linear,
        up: Linear,
        down: Linear,
    },
    Plain {
        up: Linear,
        down: Linear,
        gelu: Gelu,
    },
}

enum Norm {
    Layer(LayerNorm),
    Rms(RmsNorm),
}

/// What a block's pass needs besides activations.
struct Step<'a> {
    pass: &'a Pass<'a>,
    rotation: Option<&'a Rotation>,
    layer: usize,
}

impl Decoder {
    pub(super) fn new(plan: &Plan, leaves: &Leaves) -> Result<Self> {
        let blocks = plan.blocks.iter().map(|block| Block::new(block, leaves));
        let places = match &plan.positions {
            Positions::Learned { name, .. } => Places::Learned(Embedding::new(leaves, name)?),
            Positions::Rotary { rope, head_dim } => {
                Places::Rotary(rope.frequencies(*head_dim)?.f_to_device(leaves.device())?)
            }
        };
        let head = if plan.tied { plan.embedding } else { plan.head };
        Ok(Self {
            embedding: Embedding::new(leaves, plan.embedding)?,
            places,
            blocks: blocks.collect::<Result<_>>()?,
            norm: Norm::new(&plan.norm, leaves)?,
            head: Linear::new(leaves, head, Inputs::Last)?,
        })
    }
}

impl Network for Decoder {
    fn forward(&self, pass: &Pass, mut cache: Option<&mut Cache>) -> Result<Tensor> {
        let mut x = self.embedding.look_up(pass.tokens())?; // [R, B, T, D]
        let mut rotation = None;
        match &self.places {
            Places::Learned(table) => {
                let places = match pass.explicit_positions() {
                    Some(positions) => table.look_up(positions)?,
                    None => table.range(pass.first_position(), pass.length())?,
                };
                x = x.f_add(&places)?;
            }
            Places::Rotary(frequencies) => rotation = Some(Rotation::new(frequencies, pass)?),
        }
        let mut x = pass.flat(&x)?; // [R, B*T, D], or [B*T, D] where R = 1
        for (layer, block) in self.blocks.iter().enumerate() {
            let rotation = rotation.as_ref();
            let step = Step {
                pass,
                rotation,
                layer,
            };
            x = block.forward(&x, &step, cache.as_deref_mut())?;
        }
        pass.unflat(&self.head.forward(&self.norm.forward(&x)?)?)
    }

    fn layers(&self) -> usize {
        self.blocks.len()
    }
}

impl Block {
    fn new(plan: &BlockPlan, leaves: &Leaves) -> Result<Self> {
        let mlp_norm = plan.mlp_norm.as_ref();
        Ok(Self {
            attention_norm: Norm::new(&plan.attention_norm, leaves)?,
            attention: Attention::new(&plan.attention, leaves)?,
            mlp_norm: mlp_norm.map(|norm| Norm::new(norm, leaves)).transpose()?,
            mlp: Mlp::new(&plan.mlp, leaves)?,
            parallel: plan.parallel,
        })
    }

    fn forward(&self, x: &Tensor, step: &Step, cache: Option<&mut Cache>) -> Result<Tensor> {
        let normed = self.attention_norm.forward(x)?;
        let attended = self.attention.forward(&normed, step, cache)?; // [R*B, T, H*d]
        // Past the last attention, only the positions that are asked for go on.
        let (x, attended) = step.pass.after_attention(step.layer, x, &attended)?;
        let sum = x.f_add(&self.attention.output.forward(&attended)?)?;
        let norm = self.mlp_norm.as_ref().unwrap_or(&self.attention_norm);
        let normed = norm.forward(if self.parallel { &x } else { &sum })?;
        Ok(sum.f_add(&self.mlp.forward(&normed)?)?)
    }
}

impl Attention {
    fn new(plan: &AttentionPlan, leaves: &Leaves) -> Result<Self> {
        let head_norms = match &plan.head_norms {
            Some([queries, keys]) => Some([head_norm(queries, leaves)?, head_norm(keys, leaves)?]),
            None => None,
        };
        Ok(Self {
            projection: Projection::new(plan, leaves)?,
            head_norms,
            output: linear(&plan.output, leaves)?,
            window: plan.window,
        })
    }

    /// `[R*B, T, H*d]`, before the output projection.
    fn forward(&self, x: &Tensor, step: &Step, cache: Option<&mut Cache>) -> Result<Tensor> {
        let [mut q, mut k, v] = self.projection.forward(x, step.pass)?; // [R*B, H, T, d] each
        if let Some([queries, keys]) = &self.head_norms {
            (q, k) = (queries.forward(&q)?, keys.forward(&k)?);
        }
        if let Some(rotation) = step.rotation {
            (q, k) = (rotation.apply(&q)?, rotation.apply(&k)?);
        }
        let (k, v) = match cache {
            Some(cache) => cache.extend(step.layer, &k, &v)?,
            None => (k, v),
        };
        attend(&q, &k, &v, step.pass.mask(), self.window)
    }
}

impl Projection {
    fn new(plan: &AttentionPlan, leaves: &Leaves) -> Result<Self> {
        Ok(match &plan.projection {
            ProjectionPlan::Separate([q, k, v]) => Self::Separate {
                parts: [linear(q, leaves)?, linear(k, leaves)?, linear(v, leaves)?],
                heads: [plan.heads, plan.key_value_heads, plan.key_value_heads],
            },
            ProjectionPlan::Fused(all, fusion) => Self::Fused {
                all: linear(all, leaves)?,
                heads: plan.heads,
                fusion: *fusion,
            },
        })
    }

    /// Queries, keys and values, each `[R*B, H, T, d]`.
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<[Tensor; 3]> {
        match self {
            Self::Separate {
                parts: [q, k, v],
                heads,
            } => Ok([
                pass.heads(&q.forward(x)?, heads[0])?,
                pass.heads(&k.forward(x)?, heads[1])?,
                pass.heads(&v.forward(x)?, heads[2])?,
            ]),
            Self::Fused { all, heads, fusion } => {
                let fused = all.forward(x)?;
                let parts = match fusion {
                    Fusion::PartsFirst => pass.heads(&fused, 3 * heads)?.f_chunk(3, 1)?,
                    Fusion::HeadsFirst => pass.heads(&fused, *heads)?.f_chunk(3, -1)?,
                };
                <[Tensor; 3]>::try_from(parts)
                    .map_err(|parts| Error::argument("fused projection", "3 parts", parts.len()))
            }
        }
    }
}

impl Mlp {
    fn new(plan: &MlpPlan, leaves: &Leaves) -> Result<Self> {
        Ok(match plan {
            MlpPlan::Gated { gate, up, down } => Self::Gated {
                gate: linear(gate, leaves)?,
                up: linear(up, leaves)?,
                down: linear(down, leaves)?,
            },
            MlpPlan::Plain { up, down, gelu } => Self::Plain {
                up: linear(up, leaves)?,
                down: linear(down, leaves)?,
                gelu: *gelu,
            },
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Gated { gate, up, down } => {
                down.forward(&gate.forward(x)?.f_silu()?.f_mul(&up.forward(x)?)?)
            }
            Self::Plain { up, down, gelu } => {
                let form = match gelu {
                    Gelu::Exact => "none",
                    Gelu::Tanh => "tanh",
                };
                down.forward(&up.forward(x)?.f_gelu(form)?)
            }
        }
    }
}

impl Norm {
    fn new(plan: &NormPlan, leaves: &Leaves) -> Result<Self> {
        Ok(match plan.kind {
            NormKind::Layer => Self::Layer(LayerNorm::new(leaves, &plan.name, plan.epsilon)?),
            NormKind::Rms => Self::Rms(RmsNorm::new(leaves, &plan.name, plan.epsilon)?),
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Layer(norm) => norm.forward(x),
            Self::Rms(norm) => norm.forward(x),
        }
    }
}

fn linear(plan: &LinearPlan, leaves: &Leaves) -> Result<Linear> {
    Linear::new(leaves, &plan.name, plan.layout)
}

fn head_norm(plan: &HeadNormsPlan, leaves: &Leaves) -> Result<HeadNorm> {
    HeadNorm::new(leaves, plan.names(), plan.epsilon)
}
