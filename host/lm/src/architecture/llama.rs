//! Llama: rotary positions, RMS norms, gated `SiLU`, grouped-query attention.
//!
//! Source: Touvron et al. 2023; names and shapes as transformers' `LlamaForCausalLM`. `DeepSeek`
//! LLM, Math and Coder, `SmolLM2` and `TinyLlama` have this form.

use serde_json::{Value, json};

use super::Family;
use super::config::Fields;
use super::plan::{NormKind, Plan};
use super::rope::RopeKeys;
use super::sizes::{Biases, SizeKeys, Sizes};
use crate::Result;

/// A Llama; names as in its `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct LlamaConfig {
    /// Its sizes.
    pub sizes: Sizes,
    /// Whether the attention projections have biases.
    pub attention_bias: bool,
    /// Whether the gated layer's projections have biases.
    pub mlp_bias: bool,
}

const KEYS: SizeKeys = SizeKeys {
    norm_eps: "rms_norm_eps",
    default_norm_eps: 1e-6,
    default_max_positions: 2048,
    default_key_value_heads: None,
    rope: RopeKeys {
        theta: "rope_theta",
        share: None,
    },
};

impl LlamaConfig {
    /// The `model_type` of its configurations.
    pub(super) const NAME: &'static str = "llama";

    pub(super) fn read(fields: &Fields) -> Result<Self> {
        fields.check_no_windows()?;
        Ok(Self {
            sizes: Sizes::read(fields, &KEYS)?,
            attention_bias: fields.flag("attention_bias", false)?,
            mlp_bias: fields.flag("mlp_bias", false)?,
        })
    }
}

impl Family for LlamaConfig {
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
        let mut config = self.sizes.write(&KEYS, "LlamaForCausalLM", Self::NAME);
        config.insert("attention_bias".to_owned(), json!(self.attention_bias));
        config.insert("mlp_bias".to_owned(), json!(self.mlp_bias));
        Value::Object(config)
    }

    fn plan(&self) -> Plan {
        let biases = Biases {
            qkv: self.attention_bias,
            attention_output: self.attention_bias,
            mlp: self.mlp_bias,
        };
        self.sizes.plan(NormKind::Rms, biases)
    }
}
