//! What a decoder is made of: its parts, with their sizes and their names in a checkpoint.
//!
//! Each family's file draws up a plan; the list of parameters and the decoder that computes both
//! follow from it.

use crate::parameter::{Parameter, Role};
use crate::rope::Rope;

/// A whole decoder: embedding, blocks, norm, head.
pub struct Plan {
    /// Number of token ids, V.
    pub vocab_size: i64,
    /// Width of the residual stream, D.
    pub width: i64,
    /// Name of the token embedding.
    pub embedding: &'static str,
    /// How a token's position is encoded.
    pub positions: Positions,
    /// One for each layer.
    pub blocks: Vec<BlockPlan>,
    /// The norm before the head.
    pub norm: NormPlan,
    /// Name of the output head.
    pub head: &'static str,
    /// Whether the output head is the token embedding.
    pub tied: bool,
}

/// How a token's position is encoded.
pub enum Positions {
    /// An embedding is added to the token's.
    Learned {
        /// Name of the table.
        name: &'static str,
        /// Number of positions.
        count: i64,
    },
    /// Queries and keys are rotated.
    Rotary {
        /// How fast, and how much of each head.
        rope: Rope,
        /// Numbers of a head.
        head_dim: i64,
    },
}

/// Attention and MLP, each with a norm in front and added to the residual stream.
pub struct BlockPlan {
    /// The norm before the attention.
    pub attention_norm: NormPlan,
    /// Attention, with its projections.
    pub attention: AttentionPlan,
    /// The MLP's own norm; without one it takes the attention's.
    pub mlp_norm: Option<NormPlan>,
    /// The hidden layer.
    pub mlp: MlpPlan,
    /// Whether the MLP reads what the attention reads, and not what it has written.
    pub parallel: bool,
}

/// Attention of query heads over fewer or as many key and value heads.
pub struct AttentionPlan {
    /// Number of query heads.
    pub heads: i64,
    /// Number of key heads, and of value heads.
    pub key_value_heads: i64,
    /// Numbers of a head.
    pub head_dim: i64,
    /// Where queries, keys and values come from.
    pub projection: ProjectionPlan,
    /// Of queries and of keys.
    pub head_norms: Option<[HeadNormsPlan; 2]>,
    /// The projection back into the residual stream.
    pub output: LinearPlan,
    /// How many tokens back a token looks, itself counted; `None` for all.
    pub window: Option<i64>,
}

/// Where queries, keys and values come from: one projection, or several that lie side by side.
pub struct ProjectionPlan {
    /// The projections, of one layout.
    pub parts: Vec<LinearPlan>,
    /// How their outputs lie.
    pub fusion: Fusion,
}

/// How the outputs of the whole projection lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fusion {
    /// `[q heads, k heads, v heads][d]`, as in GPT-2, and where the three are apart.
    PartsFirst,
    /// `[head][q, k, v][d]`, as in GPT-NeoX.
    HeadsFirst,
}

/// Layer norms without biases, one for each head: `NAME.HEAD.weight`.
pub struct HeadNormsPlan {
    /// What their names begin with.
    pub name: String,
    /// Number of heads.
    pub heads: i64,
    /// Numbers of a head.
    pub head_dim: i64,
    /// Added to the variance.
    pub epsilon: f64,
}

/// The hidden layer of a block.
pub enum MlpPlan {
    /// `down(silu(gate(x)) * up(x))`.
    Gated {
        /// `[inner, D]`.
        gate: LinearPlan,
        /// `[inner, D]`.
        up: LinearPlan,
        /// `[D, inner]`.
        down: LinearPlan,
    },
    /// `down(gelu(up(x)))`.
    Plain {
        /// `[inner, D]`.
        up: LinearPlan,
        /// `[D, inner]`.
        down: LinearPlan,
        /// Which form of GELU.
        gelu: Gelu,
    },
}

/// Which form of GELU.
#[derive(Clone, Copy)]
pub enum Gelu {
    /// With the error function.
    Exact,
    /// With a hyperbolic tangent.
    Tanh,
}

/// A projection, `NAME.weight` and, where it has one, `NAME.bias`.
pub struct LinearPlan {
    /// Its name in a checkpoint.
    pub name: String,
    /// Numbers that it reads.
    pub inputs: i64,
    /// Numbers that it writes.
    pub outputs: i64,
    /// Whether it has a bias.
    pub bias: bool,
    /// How its weight lies.
    pub layout: Inputs,
    /// Of how many projections into the residual stream it is one; `None` for those that aren't.
    pub residual_outputs: Option<i64>,
}

/// On which dimension of a weight its inputs lie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Inputs {
    /// `[in, out]`, GPT-2's `Conv1D`.
    First,
    /// `[out, in]`, as everywhere else.
    Last,
}

/// A norm, `NAME.weight` and, for a layer norm, `NAME.bias`.
pub struct NormPlan {
    /// Its name in a checkpoint.
    pub name: String,
    /// How it centres and scales.
    pub kind: NormKind,
    /// Added to the variance or mean square.
    pub epsilon: f64,
}

/// How a norm centres and scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// By mean and standard deviation, with weight and bias.
    Layer,
    /// By the root mean square, with a weight.
    Rms,
}

impl Plan {
    /// Numbers for each token that exist at a time in a pass without gradients: the stream and what
    /// is normed of it; then the projection's outputs, the heads that they are split into and what
    /// attention mixes, or the hidden layer and what is to be added to the stream.
    pub(crate) fn activations(&self) -> i64 {
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
    pub fn cache_shape(&self) -> (i64, i64, i64) {
        let attention = self.blocks.first().map(|block| &block.attention);
        let (heads, width) = attention.map_or((0, 0), |own| (own.key_value_heads, own.head_dim));
        (self.blocks.len() as i64, heads, width)
    }

    /// Names of parameters that lie side by side in memory, more than one each: those of projections
    /// of the same input, which one product computes.
    pub fn together(&self) -> Vec<Vec<String>> {
        let mut sets = Vec::new();
        for block in &self.blocks {
            let mut projections = vec![block.attention.projection.parts.iter().collect()];
            if let MlpPlan::Gated { gate, up, .. } = &block.mlp {
                projections.push(vec![gate, up]);
            }
            for set in projections.iter().filter(|set: &&Vec<_>| set.len() > 1) {
                let names = |part| {
                    set.iter()
                        .map(|own| format!("{}.{part}", own.name))
                        .collect()
                };
                sets.push(names("weight"));
                if set.iter().all(|linear: &&LinearPlan| linear.bias) {
                    sets.push(names("bias"));
                }
            }
        }
        sets
    }

    /// Names of the parameters with a row for each token id: the embedding and the head, which are
    /// one parameter, under the first name, where the plan is tied.
    pub fn vocabulary_names(&self) -> [String; 2] {
        [self.embedding, self.head].map(|name| format!("{name}.weight"))
    }

    /// Every parameter with its block, a block's at a time: embeddings, each block in the order of its
    /// fields, norm, head.
    pub fn parameters(&self) -> impl Iterator<Item = (Option<usize>, Parameter)> {
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
        let blocks = self.blocks.iter().enumerate();
        let outside = |list: Vec<Parameter>| list.into_iter().map(|parameter| (None, parameter));
        outside(before)
            .chain(blocks.flat_map(move |(index, block)| {
                let own = block.list(d).into_iter();
                own.map(move |parameter| (Some(index), parameter))
            }))
            .chain(outside(after))
    }
}

impl BlockPlan {
    fn list(&self, width: i64) -> Vec<Parameter> {
        let mut list = Vec::new();
        self.attention_norm.list(width, &mut list);
        self.attention.list(&mut list);
        if let Some(norm) = &self.mlp_norm {
            norm.list(width, &mut list);
        }
        let hidden = match &self.mlp {
            MlpPlan::Gated { gate, up, down } => vec![gate, up, down],
            MlpPlan::Plain { up, down, .. } => vec![up, down],
        };
        for part in hidden {
            part.list(&mut list);
        }
        list
    }
}

impl AttentionPlan {
    /// As many key and value heads as query heads, of `width` numbers together, from one projection;
    /// causal, over all tokens.
    pub(crate) fn fused(
        (heads, width): (i64, i64),
        projection: LinearPlan,
        fusion: Fusion,
        output: LinearPlan,
    ) -> Self {
        Self {
            heads,
            key_value_heads: heads,
            head_dim: width / heads,
            projection: ProjectionPlan {
                parts: vec![projection],
                fusion,
            },
            head_norms: None,
            output,
            window: None,
        }
    }

    fn list(&self, list: &mut Vec<Parameter>) {
        for part in &self.projection.parts {
            part.list(list);
        }
        for norms in self.head_norms.iter().flatten() {
            let names = norms.names();
            list.extend(names.map(|name| weight(&name, &[norms.head_dim], Role::NormWeight)));
        }
        self.output.list(list);
    }
}

impl HeadNormsPlan {
    /// The name of each head's norm.
    pub fn names(&self) -> impl Iterator<Item = String> {
        (0..self.heads).map(|head| format!("{}.{head}", self.name))
    }
}

impl LinearPlan {
    /// A projection `[out, in]`.
    pub(crate) fn new(name: String, inputs: i64, outputs: i64, bias: bool) -> Self {
        Self {
            name,
            inputs,
            outputs,
            bias,
            layout: Inputs::Last,
            residual_outputs: None,
        }
    }

    /// A projection into the residual stream, one of two in each of `layers` blocks.
    pub(crate) fn into_residual(self, layers: i64) -> Self {
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
    pub(crate) fn new(name: String, kind: NormKind, epsilon: f64) -> Self {
        Self {
            name,
            kind,
            epsilon,
        }
    }

    fn list(&self, width: i64, list: &mut Vec<Parameter>) {
        list.push(weight(&self.name, &[width], Role::NormWeight));
        if self.kind == NormKind::Layer {
            list.push(bias(&self.name, width));
        }
    }
}

fn weight(name: &str, shape: &[i64], role: Role) -> Parameter {
    parameter(format!("{name}.weight"), shape, role)
}

fn bias(name: &str, width: i64) -> Parameter {
    parameter(format!("{name}.bias"), &[width], Role::Bias)
}

fn parameter(name: String, shape: &[i64], role: Role) -> Parameter {
    let shape = shape.to_vec();
    Parameter { name, shape, role }
}
