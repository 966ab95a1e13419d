//! GPT-NeoX: partly rotated heads, one fused q/k/v projection, exact GELU, an MLP beside the attention.
//!
//! Source: Black et al. 2022; names and shapes as transformers' `GPTNeoXForCausalLM`. Pythia has this
//! form. Dropout is not implemented: models are trained without.

use serde_json::{Value, json};

use crate::Result;
use crate::family::{Family, Limits};
use crate::fields::{Fields, divides};
use crate::plan::{
    AttentionPlan, BlockPlan, Fusion, Gelu, LinearPlan, MlpPlan, NormKind, NormPlan, Plan,
    Positions,
};
use crate::rope::{Rope, RopeKeys};

/// A GPT-NeoX; names as in its `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct GptNeoXConfig {
    /// Number of token ids, V.
    pub vocab_size: i64,
    /// The longest row.
    pub max_position_embeddings: i64,
    /// Width of the residual stream, D.
    pub hidden_size: i64,
    /// Width of the hidden layer.
    pub intermediate_size: i64,
    /// Number of blocks, L.
    pub num_hidden_layers: i64,
    /// Number of attention heads; divides `hidden_size`.
    pub num_attention_heads: i64,
    /// Added to the variance in norms.
    pub layer_norm_eps: f64,
    /// Rotary positions.
    pub rope: Rope,
    /// Whether the attention projections have biases.
    pub attention_bias: bool,
    /// Whether the MLP reads what the attention reads, through a norm of its own.
    pub use_parallel_residual: bool,
    /// Whether the output head is the token embedding.
    pub tie_word_embeddings: bool,
}

const HEAD: &str = "embed_out";

const ROPE: RopeKeys = RopeKeys {
    theta: "rotary_emb_base",
    share: Some("rotary_pct"),
};

impl GptNeoXConfig {
    /// The `model_type` of its configurations.
    pub(crate) const NAME: &'static str = "gpt_neox";

    pub(crate) fn read(fields: &Fields) -> Result<Self> {
        fields.check_no_windows()?;
        fields.only("hidden_act", &[json!("gelu")])?;
        let max_positions = fields.optional_size("max_position_embeddings")?;
        let config = Self {
            vocab_size: fields.size("vocab_size")?,
            max_position_embeddings: max_positions.unwrap_or(2048),
            hidden_size: fields.size("hidden_size")?,
            intermediate_size: fields.size("intermediate_size")?,
            num_hidden_layers: fields.count("num_hidden_layers")?,
            num_attention_heads: fields.count("num_attention_heads")?,
            layer_norm_eps: fields.positive("layer_norm_eps", 1e-5)?,
            rope: Rope::read(fields, &ROPE)?,
            attention_bias: fields.flag("attention_bias", true)?,
            use_parallel_residual: fields.flag("use_parallel_residual", true)?,
            tie_word_embeddings: fields.flag("tie_word_embeddings", false)?,
        };
        divides(
            "hidden_size",
            config.hidden_size,
            config.num_attention_heads,
        )?;
        fields.only("head_dim", &[json!(config.head_dim())])?;
        config.rope.rotated(config.head_dim())?;
        Ok(config)
    }

    fn head_dim(&self) -> i64 {
        self.hidden_size / self.num_attention_heads
    }

    fn norm(&self, name: String) -> NormPlan {
        NormPlan::new(name, NormKind::Layer, self.layer_norm_eps)
    }

    fn block(&self, layer: i64) -> BlockPlan {
        let (d, inner) = (self.hidden_size, self.intermediate_size);
        let (bias, layers) = (self.attention_bias, self.num_hidden_layers);
        let name = |part: &str| format!("gpt_neox.layers.{layer}.{part}");
        BlockPlan {
            attention_norm: self.norm(name("input_layernorm")),
            attention: AttentionPlan::fused(
                (self.num_attention_heads, d),
                LinearPlan::new(name("attention.query_key_value"), d, 3 * d, bias),
                Fusion::HeadsFirst,
                LinearPlan::new(name("attention.dense"), d, d, bias).into_residual(layers),
            ),
            mlp_norm: Some(self.norm(name("post_attention_layernorm"))),
            mlp: MlpPlan::Plain {
                up: LinearPlan::new(name("mlp.dense_h_to_4h"), d, inner, true),
                down: LinearPlan::new(name("mlp.dense_4h_to_h"), inner, d, true)
                    .into_residual(layers),
                gelu: Gelu::Exact,
            },
            parallel: self.use_parallel_residual,
        }
    }
}

impl Family for GptNeoXConfig {
    fn limits(&self) -> Limits {
        Limits {
            vocab_size: self.vocab_size,
            max_positions: self.max_position_embeddings,
        }
    }

    fn write(&self) -> Value {
        let mut config = json!({
            "architectures": ["GPTNeoXForCausalLM"],
            "model_type": Self::NAME,
            "attention_bias": self.attention_bias,
            "attention_dropout": 0.0,
            "bos_token_id": null,
            "eos_token_id": null,
            "hidden_act": "gelu",
            "hidden_dropout": 0.0,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "layer_norm_eps": self.layer_norm_eps,
            "max_position_embeddings": self.max_position_embeddings,
            "num_attention_heads": self.num_attention_heads,
            "num_hidden_layers": self.num_hidden_layers,
            "tie_word_embeddings": self.tie_word_embeddings,
            "torch_dtype": "float32",
            "use_parallel_residual": self.use_parallel_residual,
            "vocab_size": self.vocab_size,
        });
        self.rope.write(&ROPE, &mut config);
        config
    }

    /// Old files carry causal masks as buffers; the head has two names.
    fn parameter_name(&self, stored: &str) -> Option<String> {
        let buffers = [
            ".attention.bias",
            ".attention.masked_bias",
            ".rotary_emb.inv_freq",
        ];
        match stored {
            "lm_head.weight" => Some(format!("{HEAD}.weight")),
            _ if buffers.iter().any(|end| stored.ends_with(end)) => None,
            _ => Some(stored.to_owned()),
        }
    }

    fn plan(&self) -> Plan {
        Plan {
            vocab_size: self.vocab_size,
            width: self.hidden_size,
            embedding: "gpt_neox.embed_in",
            positions: Positions::Rotary {
                rope: self.rope,
                head_dim: self.head_dim(),
            },
            blocks: (0..self.num_hidden_layers)
                .map(|layer| self.block(layer))
                .collect(),
            norm: self.norm("gpt_neox.final_layer_norm".to_owned()),
            head: HEAD,
            tied: self.tie_word_embeddings,
        }
    }
}
