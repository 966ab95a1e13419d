//! Qwen2 and 2.5: Llama with biases on queries, keys and values; some have sliding windows in their
//! last layers.
//!
//! Source: Yang et al. 2024; names and shapes as transformers' `Qwen2ForCausalLM`.

use serde_json::{Value, json};

use crate::Result;
use crate::family::{Family, Limits};
use crate::fields::Fields;
use crate::plan::{NormKind, Plan};
use crate::sizes::{Biases, SizeKeys, Sizes};

/// A Qwen2; names as in its `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Qwen2Config {
    /// Its sizes.
    pub sizes: Sizes,
    /// How many tokens back a token looks in the last layers, itself counted; `None` for all
    /// (`use_sliding_window` false).
    pub sliding_window: Option<i64>,
    /// How many layers look at all tokens before those that have a window.
    pub max_window_layers: i64,
}

const KEYS: SizeKeys = SizeKeys::new("Qwen2ForCausalLM", 32_768, Some(32));

impl Qwen2Config {
    /// The `model_type` of its configurations.
    pub(crate) const NAME: &'static str = "qwen2";

    pub(crate) fn read(fields: &Fields) -> Result<Self> {
        let mut sliding_window = None;
        if fields.flag("use_sliding_window", false)? {
            sliding_window = fields.nullable_size("sliding_window", Some(4096))?;
        }
        let layers = fields.optional::<i64>("max_window_layers", "a whole number")?;
        let config = Self {
            sizes: Sizes::read(fields, &KEYS)?,
            sliding_window,
            max_window_layers: layers.unwrap_or(28),
        };
        fields.only("layer_types", &[config.layer_types()])?;
        Ok(config)
    }

    /// The window of a layer.
    fn window(&self, layer: i64) -> Option<i64> {
        self.sliding_window
            .filter(|_| layer >= self.max_window_layers)
    }

    fn layer_types(&self) -> Value {
        let kind = |layer| match self.window(layer) {
            Some(_) => "sliding_attention",
            None => "full_attention",
        };
        (0..self.sizes.num_hidden_layers).map(kind).collect()
    }
}

impl Family for Qwen2Config {
    fn limits(&self) -> Limits {
        self.sizes.limits()
    }

    fn write(&self) -> Value {
        let mut config = self.sizes.write(&KEYS, Self::NAME);
        config["layer_types"] = self.layer_types();
        config["max_window_layers"] = json!(self.max_window_layers);
        config["sliding_window"] = json!(self.sliding_window);
        config["use_sliding_window"] = json!(self.sliding_window.is_some());
        config
    }

    fn plan(&self) -> Plan {
        let biases = Biases {
            qkv: true,
            ..Biases::default()
        };
        let mut plan = self.sizes.plan(NormKind::Rms, biases);
        for (layer, block) in (0..).zip(&mut plan.blocks) {
            block.attention.window = self.window(layer);
        }
        plan
    }
}
