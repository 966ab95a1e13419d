//! Llama: rotary positions, RMS norms, gated `SiLU`, grouped-query attention.
//!
//! Source: Touvron et al. 2023; names and shapes as transformers' `LlamaForCausalLM`. `DeepSeek`
//! LLM, Math and Coder, `SmolLM2` and `TinyLlama` have this form.

use serde_json::{Value, json};

use crate::Result;
use crate::family::{Family, Limits};
use crate::fields::Fields;
use crate::plan::{NormKind, Plan};
use crate::sizes::{Biases, SizeKeys, Sizes};

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

const KEYS: SizeKeys = SizeKeys::new("LlamaForCausalLM", 2048, None);

impl LlamaConfig {
    /// The `model_type` of its configurations.
    pub(crate) const NAME: &'static str = "llama";

    pub(crate) fn read(fields: &Fields) -> Result<Self> {
        fields.check_no_windows()?;
        Ok(Self {
            sizes: Sizes::read(fields, &KEYS)?,
            attention_bias: fields.flag("attention_bias", false)?,
            mlp_bias: fields.flag("mlp_bias", false)?,
        })
    }
}

impl Family for LlamaConfig {
    fn limits(&self) -> Limits {
        self.sizes.limits()
    }

    fn write(&self) -> Value {
        let mut config = self.sizes.write(&KEYS, Self::NAME);
        config["attention_bias"] = json!(self.attention_bias);
        config["mlp_bias"] = json!(self.mlp_bias);
        config
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
