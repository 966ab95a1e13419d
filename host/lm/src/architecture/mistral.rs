//! Mistral: Llama with a sliding window.
//!
//! Source: Jiang et al. 2023; names and shapes as transformers' `MistralForCausalLM`.

use serde_json::{Value, json};

use super::Family;
use super::config::Fields;
use super::plan::{NormKind, Plan};
use super::rope::RopeKeys;
use super::sizes::{Biases, SizeKeys, Sizes};
use crate::Result;

/// A Mistral; names as in its `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct MistralConfig {
    /// Its sizes.
    pub sizes: Sizes,
    /// How many tokens back a token looks, itself counted; `None` for all.
    pub sliding_window: Option<i64>,
}

const KEYS: SizeKeys = SizeKeys {
    norm_eps: "rms_norm_eps",
    default_norm_eps: 1e-6,
    default_max_positions: 131_072,
    default_key_value_heads: Some(8),
    rope: RopeKeys {
        theta: "rope_theta",
        share: None,
    },
};

impl MistralConfig {
    /// The `model_type` of its configurations.
    pub(super) const NAME: &'static str = "mistral";

    pub(super) fn read(fields: &Fields) -> Result<Self> {
        fields.only("layer_types", &[])?;
        Ok(Self {
            sizes: Sizes::read(fields, &KEYS)?,
            sliding_window: fields.nullable_size("sliding_window", Some(4096))?,
        })
    }
}

impl Family for MistralConfig {
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
        let mut config = self.sizes.write(&KEYS, "MistralForCausalLM", Self::NAME);
        config.insert("sliding_window".to_owned(), json!(self.sliding_window));
        Value::Object(config)
    }

    fn plan(&self) -> Plan {
        let mut plan = self.sizes.plan(NormKind::Rms, Biases::default());
        for block in &mut plan.blocks {
            block.attention.window = self.sliding_window;
        }
        plan
    }
}
