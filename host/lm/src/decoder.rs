//! The forward pass of every family: a [`Plan`] with its tensors in their places.

use std::cell::RefCell;

use picklock_family::{
    AttentionPlan, BlockPlan, Fusion, Gelu, HeadNormsPlan, Inputs, LinearPlan, MlpPlan, NormPlan,
    Plan, Positions,
};

use crate::attention::{Mask, attend};
use crate::cache::{Cache, LayerStep};
use crate::layer::{Embedding, HeadNorm, Linear, Norm};
use crate::network::{Leaves, Pass};
use crate::rotation::{Rotation, frequencies};
use crate::{Device, Error, Kind, Result, Rows, Tensor, cuda};

/// An architecture with its tensors in their places.
pub(crate) struct Network {
    embedding: Embedding,
    places: Places,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
}

/// What tells a token's place.
enum Places {
    Learned(Embedding),
    Rotary {
        /// Frequencies, `[n]`, of a head's first 2 n numbers.
        frequencies: Tensor,
        /// Of the places that have been asked for so far.
        rotation: RefCell<Option<Rotation>>,
    },
}

struct Block {
    attention_norm: Norm,
    attention: Attention,
    mlp_norm: Option<Norm>,
    mlp: Mlp,
    parallel: bool,
}

struct Attention {
    projection: Linear,
    heads: Heads,
    /// Of queries and of keys.
    head_norms: Option<[HeadNorm; 2]>,
    output: Linear,
    window: Option<i64>,
}

/// How queries, keys and values lie in the projection's outputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    /// Query heads.
    pub(crate) queries: i64,
    /// Key heads, and value heads.
    pub(crate) keys: i64,
    /// Numbers of a head.
    pub(crate) width: i64,
    pub(crate) fusion: Fusion,
}

enum Mlp {
    Gated {
        gate_up: Linear,
        down: Linear,
    },
    Plain {
        up: Linear,
        down: Linear,
        gelu: Gelu,
    },
}

/// What runs from block to block: the residual stream, flat, and what is still to be added to it.
pub(crate) struct Stream {
    pub(crate) x: Tensor,
    pub(crate) delta: Option<Tensor>,
}

/// What blocks need besides the stream.
pub(crate) struct Step<'a> {
    pass: &'a Pass<'a>,
    rotation: Option<Rotation>,
}

impl Network {
    /// Puts the tensors in their places.
    pub(crate) fn new(plan: &Plan, leaves: &Leaves) -> Result<Self> {
        let blocks = plan.blocks.iter().map(|block| Block::new(block, leaves));
        let places = match &plan.positions {
            Positions::Learned { name, .. } => Places::Learned(Embedding::new(leaves, name)?),
            Positions::Rotary { rope, head_dim } => Places::Rotary {
                frequencies: frequencies(rope, *head_dim)?.f_to_device(leaves.device())?,
                rotation: RefCell::new(None),
            },
        };
        let head = if plan.tied { plan.embedding } else { plan.head };
        Ok(Self {
            embedding: Embedding::new(leaves, plan.embedding)?,
            places,
            blocks: blocks.collect::<Result<_>>()?,
            norm: norm(&plan.norm, leaves)?,
            head: Linear::new(leaves, &[head], Inputs::Last)?,
        })
    }

    /// Number of blocks.
    pub(crate) fn layers(&self) -> usize {
        self.blocks.len()
    }

    /// The output head's weight, `[V, D]`, or `[R, V, D]` of a stack.
    pub(crate) fn head(&self) -> &Tensor {
        self.head.weight()
    }

    /// Logits of rows, float32: `[R, B, A, V]` at the positions asked for, or `[R, B, T, V]` at all.
    pub(crate) fn forward(&self, rows: &Rows, at: Option<&Tensor>) -> Result<Tensor> {
        let pass = Pass::rows(rows, at, self.layers())?;
        self.logits(&pass, &self.hidden(&pass, None)?)
    }

    /// Logits of what the head reads, float32.
    pub(crate) fn logits(&self, pass: &Pass, hidden: &Tensor) -> Result<Tensor> {
        Ok(self.raw_logits(pass, hidden)?.f_to_kind(Kind::Float)?)
    }

    /// Logits of what the head reads, in the type of the pass.
    pub(crate) fn raw_logits(&self, pass: &Pass, hidden: &Tensor) -> Result<Tensor> {
        pass.unflat(&self.head.forward(hidden)?)
    }

    /// What the head reads, flat.
    pub(crate) fn hidden(&self, pass: &Pass, mut cache: Option<&mut Cache>) -> Result<Tensor> {
        let step = self.step(pass)?;
        let mut stream = self.embed(pass)?;
        for layer in 0..self.layers() {
            stream = self.block(layer, &stream, &step, cache.as_deref_mut())?;
        }
        self.end(&stream)
    }

    /// What the blocks need besides the stream.
    pub(crate) fn step<'a>(&self, pass: &'a Pass<'a>) -> Result<Step<'a>> {
        let rotation = match &self.places {
            Places::Learned(_) => None,
            Places::Rotary {
                frequencies,
                rotation,
            } => {
                let mut known = rotation.borrow_mut();
                if known
                    .as_ref()
                    .is_none_or(|known| known.places() < pass.longest())
                {
                    *known = Some(Rotation::new(frequencies, pass.longest())?);
                }
                known.as_ref().map(Rotation::share)
            }
        };
        Ok(Step { pass, rotation })
    }

    /// The stream before the first block.
    pub(crate) fn embed(&self, pass: &Pass) -> Result<Stream> {
        let mut x = self.embedding.look_up(pass.tokens())?; // [R, B, T, D]
        if let Places::Learned(table) = &self.places {
            let places = match pass.explicit_positions() {
                Some(positions) => table.look_up(positions)?,
                None => table.range(pass.first_position(), pass.length())?,
            };
            x = x.f_add(&places)?;
        }
        let x = pass.flat(&x)?; // [R, B*T, D], or [B*T, D] where R = 1
        Ok(Stream { x, delta: None })
    }

    /// The stream after a block.
    pub(crate) fn block(
        &self,
        layer: usize,
        stream: &Stream,
        step: &Step,
        cache: Option<&mut Cache>,
    ) -> Result<Stream> {
        self.blocks[layer].forward(layer, stream, step, cache)
    }

    /// What the head reads, of the stream after the last block.
    pub(crate) fn end(&self, stream: &Stream) -> Result<Tensor> {
        Ok(self.norm.add(&stream.x, stream.delta.as_ref())?.1)
    }

    /// Whether a step of decoding can run with the number of filled places on the device.
    pub(crate) fn steps_on_device(&self, device: Device) -> bool {
        let normed = |block: &Block| block.attention.head_norms.is_some();
        cuda::available(device) && !self.blocks.iter().any(normed)
    }
}

impl Block {
    fn new(plan: &BlockPlan, leaves: &Leaves) -> Result<Self> {
        let mlp_norm = plan.mlp_norm.as_ref();
        Ok(Self {
            attention_norm: norm(&plan.attention_norm, leaves)?,
            attention: Attention::new(&plan.attention, leaves)?,
            mlp_norm: mlp_norm.map(|plan| norm(plan, leaves)).transpose()?,
            mlp: Mlp::new(&plan.mlp, leaves)?,
            parallel: plan.parallel,
        })
    }

    fn forward(
        &self,
        layer: usize,
        stream: &Stream,
        step: &Step,
        cache: Option<&mut Cache>,
    ) -> Result<Stream> {
        let (x, normed) = self.attention_norm.add(&stream.x, stream.delta.as_ref())?;
        let attended = self.attention.forward(&normed, layer, step, cache)?; // [R*B, T, H*d]
        // Past the last attention, only the positions that are asked for go on.
        let (x, attended) = step.pass.after_attention(layer, &x, &attended)?;
        let attended = self.attention.output.forward(&attended)?;
        let norm = self.mlp_norm.as_ref().unwrap_or(&self.attention_norm);
        if self.parallel {
            let (_, normed) = norm.add(&x, None)?;
            let delta = Some(attended.f_add(&self.mlp.forward(&normed)?)?);
            return Ok(Stream { x, delta });
        }
        let (x, normed) = norm.add(&x, Some(&attended))?;
        let delta = Some(self.mlp.forward(&normed)?);
        Ok(Stream { x, delta })
    }
}

impl Attention {
    fn new(plan: &AttentionPlan, leaves: &Leaves) -> Result<Self> {
        let head_norms = match &plan.head_norms {
            Some([queries, keys]) => Some([head_norm(queries, leaves)?, head_norm(keys, leaves)?]),
            None => None,
        };
        let parts: Vec<&LinearPlan> = plan.projection.parts.iter().collect();
        Ok(Self {
            projection: linear(&parts, leaves)?,
            heads: Heads {
                queries: plan.heads,
                keys: plan.key_value_heads,
                width: plan.head_dim,
                fusion: plan.projection.fusion,
            },
            head_norms,
            output: linear(&[&plan.output], leaves)?,
            window: plan.window,
        })
    }

    /// `[R*B, T, H*d]`, before the output projection.
    fn forward(
        &self,
        x: &Tensor,
        layer: usize,
        step: &Step,
        cache: Option<&mut Cache>,
    ) -> Result<Tensor> {
        let all = self.projection.forward(x)?;
        let rotation = step.rotation.as_ref();
        if let (Mask::Filled(filled), Some(cache)) = (step.pass.mask(), &cache) {
            let step = LayerStep {
                projected: &all,
                heads: self.heads,
                rotation,
                places: step.pass.explicit_positions(),
                filled,
                window: self.window,
            };
            return Ok(cache.step(layer, &step)?.f_unsqueeze(1)?);
        }
        let [q, k, v] = self.split(&all, step)?; // [R*B, H, T, d] each
        let (k, v) = match cache {
            Some(cache) => cache.extend(layer, &k, &v)?,
            None => (k, v),
        };
        attend(&q, &k, &v, step.pass.mask(), self.window)
    }

    /// Queries, keys and values, rotated, each `[R*B, H, T, d]`.
    fn split(&self, all: &Tensor, step: &Step) -> Result<[Tensor; 3]> {
        let (pass, heads) = (step.pass, self.heads);
        let rotation = step.rotation.as_ref();
        let places = pass.explicit_positions();
        let rows = (pass.rows_in_all(), pass.length());
        if self.head_norms.is_none() && cuda::available(all.device()) {
            return cuda::heads(all, heads, rotation.map(Rotation::tables), places, rows);
        }
        let Heads { queries, keys, .. } = heads;
        let parts = match heads.fusion {
            Fusion::PartsFirst => pass
                .heads(all, queries + 2 * keys)?
                .f_split_with_sizes([queries, keys, keys], 1)?,
            Fusion::HeadsFirst => pass.heads(all, queries)?.f_chunk(3, -1)?,
        };
        let [mut q, mut k, v] = <[Tensor; 3]>::try_from(parts)
            .map_err(|parts| Error::argument("fused projection", "3 parts", parts.len()))?;
        if let Some([queries, keys]) = &self.head_norms {
            (q, k) = (queries.forward(&q)?, keys.forward(&k)?);
        }
        if let Some(rotation) = rotation {
            let here = rotation.at(pass)?;
            (q, k) = (here.apply(&q)?, here.apply(&k)?);
        }
        Ok([q, k, v])
    }
}

impl Mlp {
    fn new(plan: &MlpPlan, leaves: &Leaves) -> Result<Self> {
        Ok(match plan {
            MlpPlan::Gated { gate, up, down } => Self::Gated {
                gate_up: linear(&[gate, up], leaves)?,
                down: linear(&[down], leaves)?,
            },
            MlpPlan::Plain { up, down, gelu } => Self::Plain {
                up: linear(&[up], leaves)?,
                down: linear(&[down], leaves)?,
                gelu: *gelu,
            },
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Gated { gate_up, down } => {
                if cuda::available(x.device()) {
                    return down.forward(&cuda::gate(&gate_up.forward(x)?)?);
                }
                // Each half while it is in the CPU's caches.
                let [gate, up] = gate_up.halves()?;
                let gate = gate.forward(x)?.f_silu()?;
                down.forward(&gate.f_mul(&up.forward(x)?)?)
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

fn norm(plan: &NormPlan, leaves: &Leaves) -> Result<Norm> {
    Norm::new(leaves, &plan.name, plan.kind, plan.epsilon)
}

/// One projection, or several of one layout whose outputs lie side by side.
fn linear(plans: &[&LinearPlan], leaves: &Leaves) -> Result<Linear> {
    let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
    let layout = plans.first().map_or(Inputs::Last, |plan| plan.layout);
    Linear::new(leaves, &names, layout)
}

fn head_norm(plan: &HeadNormsPlan, leaves: &Leaves) -> Result<HeadNorm> {
    HeadNorm::new(leaves, plan.names(), plan.epsilon)
}
