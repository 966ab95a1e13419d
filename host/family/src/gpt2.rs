//! GPT-2: learned positions, pre-norm blocks, one fused q/k/v projection, tanh GELU.
//!
//! Source: Radford et al. 2019; names and shapes as transformers' `GPT2LMHeadModel`, whose `Conv1D`
//! weights are `[in, out]`. Dropout is not implemented: models are trained without.

use serde_json::{Value, json};

use crate::Result;
use crate::family::{Family, Limits};
use crate::fields::{Fields, divides};
use crate::plan::{
    AttentionPlan, BlockPlan, Fusion, Gelu, Inputs, LinearPlan, MlpPlan, NormKind, NormPlan, Plan,
    Positions,
};

/// The sizes of a GPT-2; names as in its `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Gpt2Config {
    /// Number of token ids, V.
    pub vocab_size: i64,
    /// Number of positions, the longest row.
    pub n_positions: i64,
    /// Width of the residual stream, D.
    pub n_embd: i64,
    /// Number of blocks, L.
    pub n_layer: i64,
    /// Number of attention heads; divides `n_embd`.
    pub n_head: i64,
    /// Width of the hidden layer, 4 D where `None`.
    pub n_inner: Option<i64>,
    /// Added to the variance in norms (1e-5 in the original).
    pub layer_norm_epsilon: f64,
    /// Whether the output head is the token embedding; if not, it is `lm_head.weight`, `[V, D]`.
    pub tie_word_embeddings: bool,
}

impl Gpt2Config {
    /// The `model_type` of its configurations.
    pub(crate) const NAME: &'static str = "gpt2";

    pub(crate) fn read(fields: &Fields) -> Result<Self> {
        fields.check_no_windows()?;
        fields.only(
            "activation_function",
            &[json!("gelu_new"), json!("gelu_pytorch_tanh")],
        )?;
        fields.only("scale_attn_weights", &[json!(true)])?;
        for key in [
            "scale_attn_by_inverse_layer_idx",
            "reorder_and_upcast_attn",
            "add_cross_attention",
        ] {
            fields.only(key, &[json!(false)])?;
        }
        let config = Self {
            vocab_size: fields.size("vocab_size")?,
            n_positions: fields.size("n_positions")?,
            n_embd: fields.size("n_embd")?,
            n_layer: fields.count("n_layer")?,
            n_head: fields.count("n_head")?,
            n_inner: fields.optional_size("n_inner")?,
            layer_norm_epsilon: fields.positive("layer_norm_epsilon", 1e-5)?,
            tie_word_embeddings: fields.flag("tie_word_embeddings", true)?,
        };
        divides("n_embd", config.n_embd, config.n_head)?;
        Ok(config)
    }

    fn norm(&self, name: String) -> NormPlan {
        NormPlan::new(name, NormKind::Layer, self.layer_norm_epsilon)
    }

    fn block(&self, layer: i64) -> BlockPlan {
        let (d, inner) = (self.n_embd, self.n_inner.unwrap_or(4 * self.n_embd));
        let name = |part: &str| format!("transformer.h.{layer}.{part}");
        let conv = |part: &str, inputs, outputs| LinearPlan {
            layout: Inputs::First,
            ..LinearPlan::new(name(part), inputs, outputs, true)
        };
        BlockPlan {
            attention_norm: self.norm(name("ln_1")),
            attention: AttentionPlan::fused(
                (self.n_head, d),
                conv("attn.c_attn", d, 3 * d),
                Fusion::PartsFirst,
                conv("attn.c_proj", d, d).into_residual(self.n_layer),
            ),
            mlp_norm: Some(self.norm(name("ln_2"))),
            mlp: MlpPlan::Plain {
                up: conv("mlp.c_fc", d, inner),
                down: conv("mlp.c_proj", inner, d).into_residual(self.n_layer),
                gelu: Gelu::Tanh,
            },
            parallel: false,
        }
    }
}

impl Family for Gpt2Config {
    fn limits(&self) -> Limits {
        Limits {
            vocab_size: self.vocab_size,
            max_positions: self.n_positions,
        }
    }

    fn write(&self) -> Value {
        json!({
            "architectures": ["GPT2LMHeadModel"],
            "model_type": Self::NAME,
            "activation_function": "gelu_new",
            "attn_pdrop": 0.0,
            "bos_token_id": null,
            "embd_pdrop": 0.0,
            "eos_token_id": null,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "n_embd": self.n_embd,
            "n_head": self.n_head,
            "n_inner": self.n_inner,
            "n_layer": self.n_layer,
            "n_positions": self.n_positions,
            "resid_pdrop": 0.0,
            "tie_word_embeddings": self.tie_word_embeddings,
            "torch_dtype": "float32",
            "vocab_size": self.vocab_size,
        })
    }

    /// Old hub files lack the `transformer.` prefix and carry causal masks as buffers.
    fn parameter_name(&self, stored: &str) -> Option<String> {
        if stored.ends_with(".attn.bias") || stored.ends_with(".attn.masked_bias") {
            return None;
        }
        let whole = stored.starts_with("transformer.") || stored.starts_with("lm_head.");
        let prefix = if whole { "" } else { "transformer." };
        Some(format!("{prefix}{stored}"))
    }

    fn plan(&self) -> Plan {
        Plan {
            vocab_size: self.vocab_size,
            width: self.n_embd,
            embedding: "transformer.wte",
            positions: Positions::Learned {
                name: "transformer.wpe",
                count: self.n_positions,
            },
            blocks: (0..self.n_layer).map(|layer| self.block(layer)).collect(),
            norm: self.norm("transformer.ln_f".to_owned()),
            head: "lm_head",
            tied: self.tie_word_embeddings,
        }
    }
}
