//! `StableLM`: Llama with layer norms, partly rotated heads and, in the larger ones, norms of each head
//! and a parallel MLP.
//!
//! Source: Bellagente et al. 2024; names and shapes as transformers' `StableLmForCausalLM`. Zephyr 3B
//! has no biases, 2-1.6B has them on queries, keys and values, and 2-12B has the norms and the
//! parallel MLP.

use serde_json::{Value, json};

use crate::Result;
use crate::family::{Family, Limits};
use crate::fields::{Fields, divides};
use crate::plan::{HeadNormsPlan, NormKind, Plan};
use crate::rope::RopeKeys;
use crate::sizes::{Biases, SizeKeys, Sizes};

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
    norm_eps: ("layer_norm_eps", 1e-5),
    rope: RopeKeys {
        theta: "rope_theta",
        share: Some("partial_rotary_factor"),
    },
    ..SizeKeys::new("StableLmForCausalLM", 4096, Some(32))
};

impl StableLmConfig {
    /// The `model_type` of its configurations.
    pub(crate) const NAME: &'static str = "stablelm";

    pub(crate) fn read(fields: &Fields) -> Result<Self> {
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
    fn limits(&self) -> Limits {
        self.sizes.limits()
    }

    fn write(&self) -> Value {
        let mut config = self.sizes.write(&KEYS, Self::NAME);
        config["qk_layernorm"] = json!(self.qk_layernorm);
        config["use_parallel_residual"] = json!(self.use_parallel_residual);
        config["use_qkv_bias"] = json!(self.use_qkv_bias);
        config
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
