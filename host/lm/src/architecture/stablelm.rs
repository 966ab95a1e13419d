//! `StableLM`: Llama with layer norms, partly turned heads and, in the larger ones, norms of each head
//! and a parallel MLP.
//!
//! Source: Bellagente et al. 2024; names and shapes as transformers' `StableLmForCausalLM`. Zephyr 3B
//! has no biases, 2-1.6B has them on queries, keys and values, and 2-12B has the norms and the
//! parallel MLP.

use serde_json::{Value, json};

use super::Family;
use super::config::{Fields, divides};
use super::plan::{HeadNormsPlan, NormKind, Plan};
use super::rope::RopeKeys;
use super::sizes::{Biases, SizeKeys, Sizes};
use crate::Result;

/// A `StableLM`; names as in its `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct StableLmConfig {
    /// Its sizes.
    pub sizes: Sizes,
    /// Whether the projections to queries, keys and values have biases.
    pub use_qkv_bias: bool,
    /// Whether each query and key head has a norm of its own.
    pub qk_layernorm: bool,
    /// Whether the MLP reads what the attention reads, through the same norm.
    pub use_parallel_residual: bool,
}

const KEYS: SizeKeys = SizeKeys {
    norm_eps: "layer_norm_eps",
    default_norm_eps: 1e-5,
    default_max_positions: 4096,
    default_key_value_heads: Some(32),
    rope: RopeKeys {
        theta: "rope_theta",
        share: Some("partial_rotary_factor"),
    },
};

impl StableLmConfig {
    /// The `model_type` of its configurations.
    pub(super) const NAME: &'static str = "stablelm";

    pub(super) fn read(fields: &Fields) -> Result<Self> {
        fields.check_no_windows()?;
        let sizes = Sizes::read(fields, &KEYS)?;
        let (width, heads) = (sizes.hidden_size, sizes.num_attention_heads);
        divides("hidden_size", width, heads)?;
        fields.only("head_dim", &[json!(width / heads)])?;
        Ok(Self {
            sizes,
            use_qkv_bias: fields.flag("use_qkv_bias", false)?,
            qk_layernorm: fields.flag("qk_layernorm", false)?,
            use_parallel_residual: fields.flag("use_parallel_residual", false)?,
        })
    }

    /// Norms of the query or key heads of a layer.
    fn head_norms(&self, layer: usize, part: &str, heads: i64) -> HeadNormsPlan {
        HeadNormsPlan {
            name: format!("model.layers.{layer}.self_attn.{part}_layernorm.norms"),
            heads,
            head_dim: self.sizes.head_dim,
            epsilon: self.sizes.norm_eps,
        }
    }
}

impl Family for StableLmConfig {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn vocab_size(&self) -> i64 {
        self.sizes.vocab_size
    }

    fn max_positions(&self) -> i64 {
        self.sizes.max_position_embeddings
    }

    fn write(&self) -> Value {
        let mut config = self.sizes.write(&KEYS, "StableLmForCausalLM", Self::NAME);
        for (key, value) in [
            ("qk_layernorm", self.qk_layernorm),
            ("use_parallel_residual", self.use_parallel_residual),
            ("use_qkv_bias", self.use_qkv_bias),
        ] {
            config.insert(key.to_owned(), json!(value));
        }
        Value::Object(config)
    }

    fn plan(&self) -> Plan {
        let biases = Biases {
            qkv: self.use_qkv_bias,
            ..Biases::default()
        };
        let mut plan = self.sizes.plan(NormKind::Layer, biases);
        for (layer, block) in plan.blocks.iter_mut().enumerate() {
            if self.qk_layernorm {
                block.attention.head_norms = Some([
                    self.head_norms(layer, "q", self.sizes.num_attention_heads),
                    self.head_norms(layer, "k", self.sizes.num_key_value_heads),
                ]);
            }
            if self.use_parallel_residual {
                (block.parallel, block.mlp_norm) = (true, None);
            }
        }
        plan
    }
}
