//! Mistral: Llama with a sliding window.
//!
//! Source: Jiang et al. 2023; names and shapes as transformers' `MistralForCausalLM`.

use serde_json::{Value, json};

use crate::Result;
use crate::family::{Family, Limits};
use crate::fields::Fields;
use crate::plan::{NormKind, Plan};
use crate::sizes::{Biases, SizeKeys, Sizes};

/// A Mistral; names as in its `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct MistralConfig {
    /// Its sizes.
    pub sizes: Sizes,
    /// How many tokens back a token looks, itself counted; `None` for all.
    pub sliding_window: Option<i64>,
}

const KEYS: SizeKeys = SizeKeys::new("MistralForCausalLM", 131_072, Some(8));

impl MistralConfig {
    /// The `model_type` of its configurations.
    pub(crate) const NAME: &'static str = "mistral";

    pub(crate) fn read(fields: &Fields) -> Result<Self> {
        fields.only("layer_types", &[])?;
        Ok(Self {
            sizes: Sizes::read(fields, &KEYS)?,
            sliding_window: fields.nullable_size("sliding_window", Some(4096))?,
        })
    }
}

impl Family for MistralConfig {
    fn limits(&self) -> Limits {
        self.sizes.limits()
    }

    fn write(&self) -> Value {
        let mut config = self.sizes.write(&KEYS, Self::NAME);
        config["sliding_window"] = json!(self.sliding_window);
        config
    }

    fn plan(&self) -> Plan {
        let mut plan = self.sizes.plan(NormKind::Rms, Biases::default());
        for block in &mut plan.blocks {
            block.attention.window = self.sliding_window;
        }
        plan
    }
}
