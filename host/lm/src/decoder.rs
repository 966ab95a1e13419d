//! The forward pass of every family: a [`Plan`] with its tensors in their places.

use picklock_family::{
    AttentionPlan, BlockPlan, Fusion, Gelu, Inputs, LinearPlan, MlpPlan, Plan, Positions,
};

use crate::attention::{Heads, Mask, attend};
use crate::cache::Cache;
use crate::cuda::{self, LayerStep};
use crate::layer::{Embedding, HeadNorm, Linear, Norm};
use crate::network::{Leaves, Pass};
use crate::rotation::{Rotation, Rotations};
use crate::{Device, Error, Kind, Result, Rows, Tensor};

/// An architecture with its tensors.
pub(crate) struct Network {
    embedding: Embedding,
    positions: PositionCode,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
}

/// How a token's position is encoded.
enum PositionCode {
    Learned(Embedding),
    Rotary(Rotations),
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

struct Mlp {
    /// The gate and what it is multiplied with, or, with a GELU, one projection.
    up: Linear,
    down: Linear,
    gelu: Option<Gelu>,
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
    cache: Option<&'a Cache>,
}

impl Network {
    pub(crate) fn new(plan: &Plan, leaves: &Leaves) -> Result<Self> {
        let blocks = plan.blocks.iter().map(|block| Block::new(block, leaves));
        let positions = match &plan.positions {
            Positions::Learned { name, .. } => PositionCode::Learned(Embedding::new(leaves, name)?),
            Positions::Rotary { rope, head_dim } => {
                PositionCode::Rotary(Rotations::new(rope, *head_dim, leaves.device)?)
            }
        };
        let head = if plan.tied { plan.embedding } else { plan.head };
        Ok(Self {
            embedding: Embedding::new(leaves, plan.embedding)?,
            positions,
            blocks: blocks.collect::<Result<_>>()?,
            norm: Norm::new(leaves, &plan.norm)?,
            head: Linear::new(leaves, &[head], Inputs::Last)?,
        })
    }

    /// Number of blocks.
    pub(crate) fn layers(&self) -> usize {
        self.blocks.len()
    }

    /// The output head's weight, `[V, D]`, or `[R, V, D]` of a stack.
    pub(crate) fn head(&self) -> &Tensor {
        &self.head.weight
    }

    /// Logits of rows, float32: `[R, B, A, V]` at the positions `at`, or `[R, B, T, V]` at all.
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
    pub(crate) fn hidden(&self, pass: &Pass, cache: Option<&Cache>) -> Result<Tensor> {
        let step = self.step(pass, cache)?;
        let mut stream = self.embed(pass)?;
        for layer in 0..self.layers() {
            stream = self.block(layer, &stream, &step)?;
        }
        self.end(&stream)
    }

    /// What the blocks need besides the stream.
    pub(crate) fn step<'a>(
        &self,
        pass: &'a Pass<'a>,
        cache: Option<&'a Cache>,
    ) -> Result<Step<'a>> {
        let rotation = match &self.positions {
            PositionCode::Learned(_) => None,
            PositionCode::Rotary(tables) => Some(tables.up_to(pass.longest)?),
        };
        Ok(Step {
            pass,
            rotation,
            cache,
        })
    }

    /// The stream before the first block.
    pub(crate) fn embed(&self, pass: &Pass) -> Result<Stream> {
        let mut x = self.embedding.look_up(pass.tokens)?; // [R, B, T, D]
        if let PositionCode::Learned(table) = &self.positions {
            x = x.f_add(&match &pass.positions {
                Some(positions) => table.look_up(positions)?,
                None => table.range(pass.first_position, pass.length())?,
            })?;
        }
        let x = pass.flat(&x)?; // [R, B*T, D], or [B*T, D] where R = 1
        Ok(Stream { x, delta: None })
    }

    /// The stream after a block.
    pub(crate) fn block(&self, layer: usize, stream: &Stream, step: &Step) -> Result<Stream> {
        self.blocks[layer].forward(layer, stream, step)
    }

    /// What the head reads, of the stream after the last block.
    pub(crate) fn end(&self, stream: &Stream) -> Result<Tensor> {
        Ok(self.norm.add(&stream.x, stream.delta.as_ref())?.1)
    }

    /// Whether a step of decoding can run with the number of filled positions on the device.
    pub(crate) fn steps_on_device(&self, device: Device) -> bool {
        let normed = |block: &Block| block.attention.head_norms.is_some();
        cuda::available(device) && !self.blocks.iter().any(normed)
    }
}

impl Block {
    fn new(plan: &BlockPlan, leaves: &Leaves) -> Result<Self> {
        let mlp_norm = plan.mlp_norm.as_ref();
        Ok(Self {
            attention_norm: Norm::new(leaves, &plan.attention_norm)?,
            attention: Attention::new(&plan.attention, leaves)?,
            mlp_norm: mlp_norm.map(|plan| Norm::new(leaves, plan)).transpose()?,
            mlp: Mlp::new(&plan.mlp, leaves)?,
            parallel: plan.parallel,
        })
    }

    fn forward(&self, layer: usize, stream: &Stream, step: &Step) -> Result<Stream> {
        let (x, normed) = self.attention_norm.add(&stream.x, stream.delta.as_ref())?;
        let attended = self.attention.forward(&normed, layer, step)?; // [R*B, T, H*d]
        // After the last attention, only the positions with outputs are computed.
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
            Some([q, k]) => Some([HeadNorm::new(leaves, q)?, HeadNorm::new(leaves, k)?]),
            None => None,
        };
        let parts: Vec<&LinearPlan> = plan.projection.parts.iter().collect();
        Ok(Self {
            projection: Linear::of(leaves, &parts)?,
            heads: Heads {
                queries: plan.heads,
                keys: plan.key_value_heads,
                width: plan.head_dim,
                fusion: plan.projection.fusion,
            },
            head_norms,
            output: Linear::of(leaves, &[&plan.output])?,
            window: plan.window,
        })
    }

    /// `[R*B, T, H*d]`, before the output projection.
    fn forward(&self, x: &Tensor, layer: usize, step: &Step) -> Result<Tensor> {
        let all = self.projection.forward(x)?;
        if let (Mask::Filled(filled), Some(cache)) = (&step.pass.mask, step.cache) {
            let step = LayerStep {
                projected: &all,
                heads: self.heads,
                rotation: step.rotation.as_ref(),
                positions: step.pass.positions.as_ref(),
                filled,
                window: self.window,
            };
            return Ok(cache.step(layer, &step)?.f_unsqueeze(1)?);
        }
        let [q, k, v] = self.split(&all, step)?; // [R*B, H, T, d] each
        let (k, v) = match step.cache {
            Some(cache) => cache.extend(layer, &k, &v)?,
            None => (k, v),
        };
        attend(&q, &k, &v, &step.pass.mask, self.window)
    }

    /// Queries, keys and values, rotated, each `[R*B, H, T, d]`.
    fn split(&self, all: &Tensor, step: &Step) -> Result<[Tensor; 3]> {
        let (pass, heads) = (step.pass, self.heads);
        let rotation = step.rotation.as_ref();
        if self.head_norms.is_none() && cuda::available(all.device()) {
            let rows = (pass.rows_in_all(), pass.length());
            return cuda::heads(all, heads, rotation, pass.positions.as_ref(), rows);
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
        let (up, down, gelu) = match plan {
            MlpPlan::Gated { gate, up, down } => (vec![gate, up], down, None),
            MlpPlan::Plain { up, down, gelu } => (vec![up], down, Some(*gelu)),
        };
        Ok(Self {
            up: Linear::of(leaves, &up)?,
            down: Linear::of(leaves, &[down])?,
            gelu,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let hidden = match self.gelu {
            Some(Gelu::Exact) => self.up.forward(x)?.f_gelu("none")?,
            Some(Gelu::Tanh) => self.up.forward(x)?.f_gelu("tanh")?,
            None if cuda::available(x.device()) => cuda::gate(&self.up.forward(x)?)?,
            None => {
                // Each half while it is in the CPU's caches.
                let [gate, up] = self.up.halves()?;
                gate.forward(x)?.f_silu()?.f_mul(&up.forward(x)?)?
            }
        };
        self.down.forward(&hidden)
    }
}
