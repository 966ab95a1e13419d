//! What a decoder is made of: its parts, with their sizes and their names in a checkpoint.
//!
//! Each family's file draws up a plan; the list of parameters and the
//! [`Decoder`](super::decoder::Decoder) that computes both follow from it.

use super::rope::Rope;
use super::{Parameter, Role};
use crate::layer::Inputs;
pub(super) use crate::layer::NormKind;

/// A whole decoder: embedding, blocks, norm, head.
pub(super) struct Plan {
    /// Number of token ids, V.
    pub(super) vocab_size: i64,
    /// Width of the residual stream, D.
    pub(super) width: i64,
    /// Name of the token embedding.
    pub(super) embedding: &'static str,
    pub(super) positions: Positions,
    pub(super) blocks: Vec<BlockPlan>,
    pub(super) norm: NormPlan,
    /// Name of the output head.
    pub(super) head: &'static str,
    /// Whether the output head is the token embedding.
    pub(super) tied: bool,
}

/// How a token's place is told.
pub(super) enum Positions {
    /// An embedding, of so many places, is added to the token's.
    Learned { name: &'static str, count: i64 },
    /// Queries and keys, of heads of so many numbers, are turned.
    Rotary { rope: Rope, head_dim: i64 },
}

/// Attention and MLP, each with a norm in front and added to the residual stream.
pub(super) struct BlockPlan {
    pub(super) attention_norm: NormPlan,
    pub(super) attention: AttentionPlan,
    /// The MLP's own norm; without one it takes the attention's.
    pub(super) mlp_norm: Option<NormPlan>,
    pub(super) mlp: MlpPlan,
    /// Whether the MLP reads what the attention reads, and not what it has written.
    pub(super) parallel: bool,
}

/// Attention of query heads over fewer or as many key and value heads.
pub(super) struct AttentionPlan {
    pub(super) heads: i64,
    pub(super) key_value_heads: i64,
    pub(super) head_dim: i64,
    pub(super) projection: ProjectionPlan,
    /// Of queries and of keys.
    pub(super) head_norms: Option<[HeadNormsPlan; 2]>,
    pub(super) output: LinearPlan,
    /// How many tokens back a token looks, itself counted; `None` for all.
    pub(super) window: Option<i64>,
}

/// Where queries, keys and values come from: one projection, or several that lie side by side.
pub(super) struct ProjectionPlan {
    pub(super) parts: Vec<LinearPlan>,
    pub(super) fusion: Fusion,
}

/// How the outputs of the whole projection lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fusion {
    /// `[q heads, k heads, v heads][d]`, as in GPT-2, and where the three are apart.
    PartsFirst,
    /// `[head][q, k, v][d]`, as in GPT-NeoX.
    HeadsFirst,
}

/// Layer norms without biases, one for each head: `NAME.HEAD.weight`.
pub(super) struct HeadNormsPlan {
    pub(super) name: String,
    pub(super) heads: i64,
    pub(super) head_dim: i64,
    pub(super) epsilon: f64,
}

/// The hidden layer of a block.
pub(super) enum MlpPlan {
    /// `down(silu(gate(x)) * up(x))`.
    Gated {
        gate: LinearPlan,
        up: LinearPlan,
        down: LinearPlan,
    },
    /// `down(gelu(up(x)))`.
    Plain {
        up: LinearPlan,
        down: LinearPlan,
        gelu: Gelu,
    },
}

/// Which form of GELU.
#[derive(Clone, Copy)]
pub(super) enum Gelu {
    /// With the error function.
    Exact,
    /// With a hyperbolic tangent.
    Tanh,
}

/// A projection, `NAME.weight` and, where it has one, `NAME.bias`.
pub(super) struct LinearPlan {
    pub(super) name: String,
    pub(super) inputs: i64,
    pub(super) outputs: i64,
    pub(super) bias: bool,
    pub(super) layout: Inputs,
    /// Of how many projections into the residual stream it is one; `None` for those that aren't.
    pub(super) residual_outputs: Option<i64>,
}

/// A norm, `NAME.weight` and, for a layer norm, `NAME.bias`.
pub(super) struct NormPlan {
    pub(super) name: String,
    pub(super) kind: NormKind,
    pub(super) epsilon: f64,
}

impl Plan {
    /// Numbers for each token that exist at a time in a pass without gradients: the stream and what
    /// is normed of it; then the projection's outputs, the heads that they are split into and what
    /// attention mixes, or the hidden layer and what is to be added to the stream.
    pub(super) fn activations(&self) -> i64 {
        let of = |block: &BlockPlan| {
            let own = &block.attention;
            let heads = own.heads + 2 * own.key_value_heads;
            let attention = (2 * heads + own.heads) * own.head_dim;
            let hidden = match &block.mlp {
                MlpPlan::Gated { up, .. } => 3 * up.outputs,
                MlpPlan::Plain { up, .. } => 2 * up.outputs,
            };
            2 * self.width + attention.max(hidden + self.width)
        };
        self.blocks.iter().map(of).max().unwrap_or(0)
    }

    /// Sizes of the key/value cache: layers, heads, numbers per head.
    pub(super) fn cache_shape(&self) -> (i64, i64, i64) {
        let attention = self.blocks.first().map(|block| &block.attention);
        let (heads, width) = attention.map_or((0, 0), |own| (own.key_value_heads, own.head_dim));
        (self.blocks.len() as i64, heads, width)
    }

    /// Names of parameters that lie side by side in memory, more than one each.
    pub(super) fn together(&self) -> Vec<Vec<String>> {
        let sets = self.blocks.iter().flat_map(BlockPlan::together);
        let sets = sets.filter(|set| set.len() > 1).flat_map(|set| {
            let names = |part: &str| -> Vec<String> {
                let names = set.iter().map(|linear| format!("{}.{part}", linear.name));
                names.collect()
            };
            let biases = set.iter().all(|linear| linear.bias);
            [Some(names("weight")), biases.then(|| names("bias"))]
        });
        sets.flatten().collect()
    }

    /// All parameters: embeddings, each block in the order of its fields, norm, head.
    pub(super) fn parameters(&self) -> Vec<Parameter> {
        self.parts().map(|(_, parameter)| parameter).collect()
    }

    /// The block of each parameter.
    pub(super) fn blocks(&self) -> Vec<Option<usize>> {
        self.parts().map(|(block, _)| block).collect()
    }

    /// Every parameter with its block, a block's at a time.
    pub(super) fn parts(&self) -> impl Iterator<Item = (Option<usize>, Parameter)> {
        let d = self.width;
        let table = |name, entries| weight(name, &[entries, d], Role::Embedding);
        let mut before = vec![table(self.embedding, self.vocab_size)];
        if let Positions::Learned { name, count } = self.positions {
            before.push(table(name, count));
        }
        let mut after = Vec::new();
        self.norm.list(d, &mut after);
        if !self.tied {
            let role = Role::Matrix { fan_in: d };
            after.push(weight(self.head, &[self.vocab_size, d], role));
        }
        let blocks = self
            .blocks
            .iter()
            .enumerate()
            .flat_map(move |(index, block)| {
                let mut list = Vec::new();
                block.list(d, &mut list);
                list.into_iter()
                    .map(move |parameter| (Some(index), parameter))
            });
        let outside = |list: Vec<Parameter>| list.into_iter().map(|parameter| (None, parameter));
        outside(before).chain(blocks).chain(outside(after))
    }
}

impl BlockPlan {
    /// Projections of the same input, which one product computes.
    fn together(&self) -> Vec<Vec<&LinearPlan>> {
        let mut sets = vec![self.attention.projection.parts.iter().collect()];
        if let MlpPlan::Gated { gate, up, .. } = &self.mlp {
            sets.push(vec![gate, up]);
        }
        sets
    }

    fn list(&self, width: i64, list: &mut Vec<Parameter>) {
        self.attention_norm.list(width, list);
        self.attention.list(list);
        if let Some(norm) = &self.mlp_norm {
            norm.list(width, list);
        }
        self.mlp.list(list);
    }
}

impl AttentionPlan {
    fn list(&self, list: &mut Vec<Parameter>) {
        for part in &self.projection.parts {
            part.list(list);
        }
        for norms in self.head_norms.iter().flatten() {
            let shape = [norms.head_dim];
            list.extend(
                norms
                    .names()
                    .map(|name| weight(&name, &shape, Role::NormWeight)),
            );
        }
        self.output.list(list);
    }
}

impl HeadNormsPlan {
    /// The name of each head's norm.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        (0..self.heads).map(|head| format!("{}.{head}", self.name))
    }
}

impl MlpPlan {
    fn list(&self, list: &mut Vec<Parameter>) {
        let parts = match self {
            Self::Gated { gate, up, down } => vec![gate, up, down],
            Self::Plain { up, down, .. } => vec![up, down],
        };
        for part in parts {
            part.list(list);
        }
    }
}

impl LinearPlan {
    /// A projection `[out, in]`.
    pub(super) fn new(name: String, inputs: i64, outputs: i64, bias: bool) -> Self {
        Self {
            name,
            inputs,
            outputs,
            bias,
            layout: Inputs::Last,
            residual_outputs: None,
        }
    }

    /// A projection `[out, in]` into the residual stream, one of two in each of `layers` blocks.
    pub(super) fn into_residual(self, layers: i64) -> Self {
        Self {
            residual_outputs: Some(2 * layers),
            ..self
        }
    }

    fn list(&self, list: &mut Vec<Parameter>) {
        let (fan_in, outputs) = (self.inputs, self.outputs);
        let role = match self.residual_outputs {
            Some(count) => Role::ResidualOutput { fan_in, count },
            None => Role::Matrix { fan_in },
        };
        let shape = match self.layout {
            Inputs::First => [fan_in, outputs],
            Inputs::Last => [outputs, fan_in],
        };
        list.push(weight(&self.name, &shape, role));
        if self.bias {
            list.push(bias(&self.name, outputs));
        }
    }
}

impl NormPlan {
    fn list(&self, width: i64, list: &mut Vec<Parameter>) {
        list.push(weight(&self.name, &[width], Role::NormWeight));
        if self.kind == NormKind::Layer {
            list.push(bias(&self.name, width));
        }
    }
}

fn weight(name: &str, shape: &[i64], role: Role) -> Parameter {
    Parameter {
        name: format!("{name}.weight"),
        shape: shape.to_vec(),
        role,
    }
}

fn bias(name: &str, width: i64) -> Parameter {
    Parameter {
        name: format!("{name}.bias"),
        shape: vec![width],
        role: Role::Bias,
    }
}
