//! GPT-2: learned positions, pre-norm blocks, one fused q/k/v projection, tanh GELU.
//!
//! Source: Radford et al. 2019; names and shapes as transformers' `GPT2LMHeadModel`, whose `Conv1D`
//! weights are `[in, out]`. Dropout is not implemented: models are trained without.

use serde_json::{Value, json};

use super::config::{Fields, divides};
use super::{Parameter, Role};
use crate::cache::Cache;
use crate::layer::{Embedding, Inputs, LayerNorm, Linear};
use crate::network::{Leaves, Network, Pass};
use crate::{Result, Tensor};

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

const HEAD: &str = "lm_head.weight";

impl Gpt2Config {
    pub(super) fn read(fields: &Fields) -> Result<Self> {
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
        fields.only("quantization_config", &[])?;
        let config = Self {
            vocab_size: fields.size("vocab_size")?,
            n_positions: fields.size("n_positions")?,
            n_embd: fields.size("n_embd")?,
            n_layer: fields.size("n_layer")?,
            n_head: fields.size("n_head")?,
            n_inner: fields.optional_size("n_inner")?,
            layer_norm_epsilon: fields.positive("layer_norm_epsilon", 1e-5)?,
            tie_word_embeddings: fields.flag("tie_word_embeddings", true)?,
        };
        divides("n_embd", config.n_embd, config.n_head)?;
        Ok(config)
    }

    pub(super) fn write(&self) -> Value {
        json!({
            "architectures": ["GPT2LMHeadModel"],
            "model_type": "gpt2",
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

    fn inner(&self) -> i64 {
        self.n_inner.unwrap_or(4 * self.n_embd)
    }

    pub(super) fn parameters(&self) -> Vec<Parameter> {
        let (d, inner) = (self.n_embd, self.inner());
        let output = |fan_in| Role::ResidualOutput {
            fan_in,
            count: 2 * self.n_layer,
        };
        let mut list = vec![
            parameter(
                "transformer.wte.weight",
                &[self.vocab_size, d],
                Role::Embedding,
            ),
            parameter(
                "transformer.wpe.weight",
                &[self.n_positions, d],
                Role::Embedding,
            ),
        ];
        for layer in 0..self.n_layer {
            let block = format!("transformer.h.{layer}");
            list.extend(norm(&format!("{block}.ln_1"), d));
            list.extend(conv(
                &format!("{block}.attn.c_attn"),
                d,
                3 * d,
                Role::Matrix { fan_in: d },
            ));
            list.extend(conv(&format!("{block}.attn.c_proj"), d, d, output(d)));
            list.extend(norm(&format!("{block}.ln_2"), d));
            list.extend(conv(
                &format!("{block}.mlp.c_fc"),
                d,
                inner,
                Role::Matrix { fan_in: d },
            ));
            list.extend(conv(
                &format!("{block}.mlp.c_proj"),
                inner,
                d,
                output(inner),
            ));
        }
        list.extend(norm("transformer.ln_f", d));
        if !self.tie_word_embeddings {
            list.push(parameter(
                HEAD,
                &[self.vocab_size, d],
                Role::Matrix { fan_in: d },
            ));
        }
        list
    }

    /// Old hub files lack the `transformer.` prefix and carry causal masks as buffers.
    pub(super) fn parameter_name(&self, stored: &str) -> Option<String> {
        let buffer = stored.ends_with(".attn.bias") || stored.ends_with(".attn.masked_bias");
        if buffer || (self.tie_word_embeddings && stored == HEAD) {
            return None;
        }
        if stored.starts_with("transformer.") || stored == HEAD {
            return Some(stored.to_owned());
        }
        Some(format!("transformer.{stored}"))
    }
}

fn parameter(name: &str, shape: &[i64], role: Role) -> Parameter {
    Parameter {
        name: name.to_owned(),
        shape: shape.to_vec(),
        role,
    }
}

fn norm(name: &str, width: i64) -> [Parameter; 2] {
    [
        parameter(&format!("{name}.weight"), &[width], Role::NormWeight),
        parameter(&format!("{name}.bias"), &[width], Role::Bias),
    ]
}

fn conv(name: &str, inputs: i64, outputs: i64, role: Role) -> [Parameter; 2] {
    [
        parameter(&format!("{name}.weight"), &[inputs, outputs], role),
        parameter(&format!("{name}.bias"), &[outputs], Role::Bias),
    ]
}

/// The tensors of a GPT-2 in their places.
pub(super) struct Gpt2Network {
    wte: Embedding,
    wpe: Embedding,
    blocks: Vec<Block>,
    ln_f: LayerNorm,
    head: Linear,
}

struct Block {
    heads: i64,
    ln_1: LayerNorm,
    c_attn: Linear,
    attn_proj: Linear,
    ln_2: LayerNorm,
    c_fc: Linear,
    mlp_proj: Linear,
}

impl Gpt2Network {
    pub(super) fn new(config: &Gpt2Config, leaves: &Leaves) -> Result<Self> {
        let blocks = (0..config.n_layer).map(|layer| Block::new(config, leaves, layer));
        let head = if config.tie_word_embeddings {
            "transformer.wte"
        } else {
            "lm_head"
        };
        Ok(Self {
            wte: Embedding::new(leaves, "transformer.wte")?,
            wpe: Embedding::new(leaves, "transformer.wpe")?,
            blocks: blocks.collect::<Result<_>>()?,
            ln_f: LayerNorm::new(leaves, "transformer.ln_f", config.layer_norm_epsilon)?,
            head: Linear::new(leaves, head, Inputs::Last)?,
        })
    }
}

impl Block {
    fn new(config: &Gpt2Config, leaves: &Leaves, layer: i64) -> Result<Self> {
        let name = |part: &str| format!("transformer.h.{layer}.{part}");
        let norm = |part: &str| LayerNorm::new(leaves, &name(part), config.layer_norm_epsilon);
        let conv = |part: &str| Linear::new(leaves, &name(part), Inputs::First);
        Ok(Self {
            heads: config.n_head,
            ln_1: norm("ln_1")?,
            c_attn: conv("attn.c_attn")?,
            attn_proj: conv("attn.c_proj")?,
            ln_2: norm("ln_2")?,
            c_fc: conv("mlp.c_fc")?,
            mlp_proj: conv("mlp.c_proj")?,
        })
    }

    /// Attention of one block, before its output projection: `[R*B, T, D]`.
    fn attend(
        &self,
        x: &Tensor,
        pass: &Pass,
        cache: Option<&mut Cache>,
        layer: usize,
    ) -> Result<Tensor> {
        let fused = self.c_attn.forward(&self.ln_1.forward(x)?)?;
        let [q, k, v] = pass.fused_heads(&fused, self.heads)?; // [R*B, H, T, d] each
        pass.attend(&q, k, v, cache, layer)
    }

    fn forward(
        &self,
        x: &Tensor,
        pass: &Pass,
        cache: Option<&mut Cache>,
        layer: usize,
    ) -> Result<Tensor> {
        let attended = self.attend(x, pass, cache, layer)?;
        // Past the last attention, only the positions that are asked for go on.
        let (x, attended) = pass.after_attention(layer, x, &attended)?;
        let x = x.f_add(&self.attn_proj.forward(&attended)?)?;
        let hidden = self.c_fc.forward(&self.ln_2.forward(&x)?)?.f_gelu("tanh")?;
        Ok(x.f_add(&self.mlp_proj.forward(&hidden)?)?)
    }
}

impl Network for Gpt2Network {
    fn forward(&self, pass: &Pass, mut cache: Option<&mut Cache>) -> Result<Tensor> {
        let tokens = self.wte.look_up(pass.tokens())?; // [R, B, T, D]
        let places = match pass.explicit_positions() {
            Some(positions) => self.wpe.look_up(positions)?,
            None => self.wpe.range(pass.first_position(), pass.length())?,
        };
        let mut x = pass.flat(&tokens.f_add(&places)?)?; // [R, B*T, D], or [B*T, D] where R = 1
        for (layer, block) in self.blocks.iter().enumerate() {
            x = block.forward(&x, pass, cache.as_deref_mut(), layer)?;
        }
        pass.unflat(&self.head.forward(&self.ln_f.forward(&x)?)?)
    }

    fn layers(&self) -> usize {
        self.blocks.len()
    }
}
