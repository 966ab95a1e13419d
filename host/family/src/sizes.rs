//! What Llama and its descendants have in common: keys, names of tensors, the form of a block.
//!
//! Qwen2, Mistral and `StableLM` differ from Llama in their norm, their biases and what attention
//! sees; their files say in what.

use serde_json::{Value, json};

use crate::Result;
use crate::family::Limits;
use crate::fields::{Fields, divides};
use crate::plan::{
    AttentionPlan, BlockPlan, Fusion, LinearPlan, MlpPlan, NormKind, NormPlan, Plan, Positions,
    ProjectionPlan,
};
use crate::rope::{Rope, RopeKeys};

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
pub(crate) struct SizeKeys {
    /// The class in transformers.
    pub(crate) class: &'static str,
    /// Its key, and its default.
    pub(crate) norm_eps: (&'static str, f64),
    pub(crate) default_max_positions: i64,
    /// `None` for as many as query heads.
    pub(crate) default_key_value_heads: Option<i64>,
    pub(crate) rope: RopeKeys,
}

impl SizeKeys {
    /// Those of a family with root-mean-square norms and wholly rotated heads.
    pub(crate) const fn new(
        class: &'static str,
        default_max_positions: i64,
        default_key_value_heads: Option<i64>,
    ) -> Self {
        Self {
            class,
            norm_eps: ("rms_norm_eps", 1e-6),
            default_max_positions,
            default_key_value_heads,
            rope: RopeKeys {
                theta: "rope_theta",
                share: None,
            },
        }
    }
}

/// Which projections have biases.
#[derive(Clone, Copy, Default)]
pub(crate) struct Biases {
    pub(crate) qkv: bool,
    pub(crate) attention_output: bool,
    pub(crate) mlp: bool,
}

impl Sizes {
    pub(crate) fn read(fields: &Fields, keys: &SizeKeys) -> Result<Self> {
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
            norm_eps: fields.positive(keys.norm_eps.0, keys.norm_eps.1)?,
            rope: Rope::read(fields, &keys.rope)?,
            tie_word_embeddings: fields.flag("tie_word_embeddings", false)?,
        };
        divides("num_attention_heads", heads, sizes.num_key_value_heads)?;
        sizes.rope.rotated(head_dim)?;
        Ok(sizes)
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            vocab_size: self.vocab_size,
            max_positions: self.max_position_embeddings,
        }
    }

    /// A configuration with these keys, for the family to add its own to.
    pub(crate) fn write(&self, keys: &SizeKeys, model_type: &str) -> Value {
        let mut config = json!({
            "architectures": [keys.class],
            "model_type": model_type,
            "bos_token_id": null,
            "eos_token_id": null,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.max_position_embeddings,
            "num_attention_heads": self.num_attention_heads,
            "num_hidden_layers": self.num_hidden_layers,
            "num_key_value_heads": self.num_key_value_heads,
            (keys.norm_eps.0): self.norm_eps,
            "tie_word_embeddings": self.tie_word_embeddings,
            "torch_dtype": "float32",
            "vocab_size": self.vocab_size,
        });
        self.rope.write(&keys.rope, &mut config);
        config
    }

    /// A decoder in Llama's form, with causal attention over all tokens.
    pub(crate) fn plan(&self, norm: NormKind, biases: Biases) -> Plan {
        Plan {
            vocab_size: self.vocab_size,
            width: self.hidden_size,
            embedding: "model.embed_tokens",
            positions: Positions::Rotary {
                rope: self.rope,
                head_dim: self.head_dim,
            },
            blocks: (0..self.num_hidden_layers)
                .map(|layer| self.block(layer, norm, biases))
                .collect(),
            norm: NormPlan::new("model.norm".to_owned(), norm, self.norm_eps),
            head: "lm_head",
            tied: self.tie_word_embeddings,
        }
    }

    fn block(&self, layer: i64, norm: NormKind, biases: Biases) -> BlockPlan {
        let (d, inner) = (self.hidden_size, self.intermediate_size);
        let q = self.num_attention_heads * self.head_dim;
        let kv = self.num_key_value_heads * self.head_dim;
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        let norm = |part: &str| NormPlan::new(name(part), norm, self.norm_eps);
        let input = |part: &str, outputs, bias| LinearPlan::new(name(part), d, outputs, bias);
        let output = |part: &str, inputs, bias| {
            LinearPlan::new(name(part), inputs, d, bias).into_residual(self.num_hidden_layers)
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
