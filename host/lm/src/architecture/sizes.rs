//! What Llama and its descendants have in common: keys, names of tensors, the form of a block.
//!
//! Qwen2, Mistral and `StableLM` differ from Llama in their norm, their biases and what attention
//! sees; their files say in what.

use serde_json::{Map, Value, json};

use super::config::{Fields, divides};
use super::plan::{
    AttentionPlan, BlockPlan, Fusion, LinearPlan, MlpPlan, NormKind, NormPlan, Plan, Positions,
    ProjectionPlan,
};
use super::rope::{Rope, RopeKeys};
use crate::Result;

/// The sizes of a Llama or one of its descendants; names as in `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    /// Number of token ids, V.
    pub vocab_size: i64,
    /// The longest row.
    pub max_position_embeddings: i64,
    /// Width of the residual stream, D.
    pub hidden_size: i64,
    /// Width of the gated hidden layer.
    pub intermediate_size: i64,
    /// Number of blocks, L.
    pub num_hidden_layers: i64,
    /// Number of query heads.
    pub num_attention_heads: i64,
    /// Number of key and value heads; divides `num_attention_heads`.
    pub num_key_value_heads: i64,
    /// Numbers per head.
    pub head_dim: i64,
    /// Added to the mean square or variance in norms: `rms_norm_eps` or `layer_norm_eps`.
    pub norm_eps: f64,
    /// Rotary positions.
    pub rope: Rope,
    /// Whether the output head is the token embedding.
    pub tie_word_embeddings: bool,
}

/// What a family's configurations call these sizes, and mean where they leave them out.
pub(super) struct SizeKeys {
    pub(super) norm_eps: &'static str,
    pub(super) default_norm_eps: f64,
    pub(super) default_max_positions: i64,
    /// `None` for as many as query heads.
    pub(super) default_key_value_heads: Option<i64>,
    pub(super) rope: RopeKeys,
}

/// Which projections have biases.
#[derive(Clone, Copy, Default)]
pub(super) struct Biases {
    pub(super) qkv: bool,
    pub(super) attention_output: bool,
    pub(super) mlp: bool,
}

impl Sizes {
    pub(super) fn read(fields: &Fields, keys: &SizeKeys) -> Result<Self> {
        fields.only("hidden_act", &[json!("silu"), json!("swish")])?;
        let hidden_size = fields.size("hidden_size")?;
        let heads = fields.count("num_attention_heads")?;
        let head_dim = match fields.optional_size("head_dim")? {
            Some(size) => size,
            None => divides("hidden_size", hidden_size, heads).map(|()| hidden_size / heads)?,
        };
        let key_value_heads =
            fields.nullable_size("num_key_value_heads", keys.default_key_value_heads)?;
        let max_positions = fields.optional_size("max_position_embeddings")?;
        let sizes = Self {
            vocab_size: fields.size("vocab_size")?,
            max_position_embeddings: max_positions.unwrap_or(keys.default_max_positions),
            hidden_size,
            intermediate_size: fields.size("intermediate_size")?,
            num_hidden_layers: fields.count("num_hidden_layers")?,
            num_attention_heads: heads,
            num_key_value_heads: key_value_heads.unwrap_or(heads),
            head_dim,
            norm_eps: fields.positive(keys.norm_eps, keys.default_norm_eps)?,
            rope: Rope::read(fields, &keys.rope)?,
            tie_word_embeddings: fields.flag("tie_word_embeddings", false)?,
        };
        divides("num_attention_heads", heads, sizes.num_key_value_heads)?;
        sizes.rope.turned(head_dim)?;
        Ok(sizes)
    }

    /// A configuration with these keys, for the family to add its own to.
    pub(super) fn write(
        &self,
        keys: &SizeKeys,
        class: &str,
        model_type: &str,
    ) -> Map<String, Value> {
        let mut config = Map::from_iter([
            ("architectures".to_owned(), json!([class])),
            ("model_type".to_owned(), json!(model_type)),
        ]);
        for (key, value) in [
            ("bos_token_id", Value::Null),
            ("eos_token_id", Value::Null),
            ("head_dim", json!(self.head_dim)),
            ("hidden_act", json!("silu")),
            ("hidden_size", json!(self.hidden_size)),
            ("intermediate_size", json!(self.intermediate_size)),
            (
                "max_position_embeddings",
                json!(self.max_position_embeddings),
            ),
            ("num_attention_heads", json!(self.num_attention_heads)),
            ("num_hidden_layers", json!(self.num_hidden_layers)),
            ("num_key_value_heads", json!(self.num_key_value_heads)),
            (keys.norm_eps, json!(self.norm_eps)),
            ("tie_word_embeddings", json!(self.tie_word_embeddings)),
            ("torch_dtype", json!("float32")),
            ("vocab_size", json!(self.vocab_size)),
        ] {
            config.insert(key.to_owned(), value);
        }
        self.rope.write(&keys.rope, &mut config);
        config
    }

    /// A decoder in Llama's form, with causal attention over all tokens.
    pub(super) fn plan(&self, norm: NormKind, biases: Biases) -> Plan {
        let blocks = (0..self.num_hidden_layers).map(|layer| self.block(layer, norm, biases));
        Plan {
            vocab_size: self.vocab_size,
            width: self.hidden_size,
            embedding: "model.embed_tokens",
            positions: Positions::Rotary {
                rope: self.rope,
                head_dim: self.head_dim,
            },
            blocks: blocks.collect(),
            norm: NormPlan {
                name: "model.norm".to_owned(),
                kind: norm,
                epsilon: self.norm_eps,
            },
            head: "lm_head",
            tied: self.tie_word_embeddings,
        }
    }

    fn block(&self, layer: i64, norm: NormKind, biases: Biases) -> BlockPlan {
        let (d, inner, layers) = (
            self.hidden_size,
            self.intermediate_size,
            self.num_hidden_layers,
        );
        let (q, kv) = (
            self.num_attention_heads * self.head_dim,
            self.num_key_value_heads * self.head_dim,
        );
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        let norm = |part: &str| NormPlan {
            name: name(part),
            kind: norm,
            epsilon: self.norm_eps,
        };
        let input = |part: &str, outputs, bias| LinearPlan::new(name(part), d, outputs, bias);
        let output = |part: &str, inputs, bias| {
            LinearPlan::new(name(part), inputs, d, bias).into_residual(layers)
        };
        BlockPlan {
            attention_norm: norm("input_layernorm"),
            attention: AttentionPlan {
                heads: self.num_attention_heads,
                key_value_heads: self.num_key_value_heads,
                head_dim: self.head_dim,
                projection: ProjectionPlan {
                    parts: vec![
                        input("self_attn.q_proj", q, biases.qkv),
                        input("self_attn.k_proj", kv, biases.qkv),
                        input("self_attn.v_proj", kv, biases.qkv),
                    ],
                    fusion: Fusion::PartsFirst,
                },
                head_norms: None,
                output: output("self_attn.o_proj", q, biases.attention_output),
                window: None,
            },
            mlp_norm: Some(norm("post_attention_layernorm")),
            mlp: MlpPlan::Gated {
                gate: input("mlp.gate_proj", inner, biases.mlp),
                up: input("mlp.up_proj", inner, biases.mlp),
                down: output("mlp.down_proj", inner, biases.mlp),
            },
            parallel: false,
        }
    }
}
