//! Llama: rotary positions, RMS norms, gated `SiLU`, grouped-query attention.
//!
//! Source: Touvron et al. 2023; names and shapes as transformers' `LlamaForCausalLM`, whose weights
//! are `[out, in]`.

use serde_json::{Value, json};

use super::config::{Fields, divides};
use super::rope::{Rope, Rotation};
use super::{Parameter, Role};
use crate::cache::Cache;
use crate::layer::{Embedding, Inputs, Linear, RmsNorm};
use crate::network::{Leaves, Network, Pass};
use crate::{Result, Tensor};

/// The sizes of a Llama; names as in its `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct LlamaConfig {
    /// Number of token ids, V.
    pub vocab_size: i64,
    /// The longest row.
    pub max_position_embeddings: i64,
    /// Width of the residual stream, D.
    pub hidden_size: i64,
    /// Width of the gated hidden layer.
    pub intermediate_size: i64,
    /// Number of blocks, L.
    pub num_hidden_layers: i64,
    /// Number of query heads.
    pub num_attention_heads: i64,
    /// Number of key and value heads; divides `num_attention_heads`.
    pub num_key_value_heads: i64,
    /// Numbers per head, even.
    pub head_dim: i64,
    /// Added to the mean square in norms.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies (10,000 in the original).
    pub rope_theta: f64,
    /// How the rotary frequencies are stretched.
    pub rope: Rope,
    /// Whether the attention projections have biases.
    pub attention_bias: bool,
    /// Whether the gated layer's projections have biases.
    pub mlp_bias: bool,
    /// Whether the output head is the token embedding.
    pub tie_word_embeddings: bool,
}

const HEAD: &str = "lm_head.weight";

impl LlamaConfig {
    pub(super) fn read(fields: &Fields) -> Result<Self> {
        fields.only("hidden_act", &[json!("silu")])?;
        fields.only("partial_rotary_factor", &[json!(1.0), json!(1)])?;
        for key in ["sliding_window", "quantization_config"] {
            fields.only(key, &[])?;
        }
        let (hidden_size, heads) = (
            fields.size("hidden_size")?,
            fields.size("num_attention_heads")?,
        );
        let head_dim = match fields.optional_size("head_dim")? {
            Some(size) => size,
            None => divides("hidden_size", hidden_size, heads).map(|()| hidden_size / heads)?,
        };
        let (rope_theta, rope) = Rope::read(fields)?;
        let config = Self {
            vocab_size: fields.size("vocab_size")?,
            max_position_embeddings: fields
                .optional_size("max_position_embeddings")?
                .unwrap_or(2048),
            hidden_size,
            intermediate_size: fields.size("intermediate_size")?,
            num_hidden_layers: fields.size("num_hidden_layers")?,
            num_attention_heads: heads,
            num_key_value_heads: fields
                .optional_size("num_key_value_heads")?
                .unwrap_or(heads),
            head_dim,
            rms_norm_eps: fields.positive("rms_norm_eps", 1e-6)?,
            rope_theta,
            rope,
            attention_bias: fields.flag("attention_bias", false)?,
            mlp_bias: fields.flag("mlp_bias", false)?,
            tie_word_embeddings: fields.flag("tie_word_embeddings", false)?,
        };
        divides("head_dim", config.head_dim, 2)?;
        divides("num_attention_heads", heads, config.num_key_value_heads)?;
        Ok(config)
    }

    pub(super) fn write(&self) -> Value {
        let mut parameters = self.rope.write();
        let scaling = if self.rope == Rope::Default {
            Value::Null
        } else {
            parameters.clone()
        };
        parameters["rope_theta"] = json!(self.rope_theta);
        json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "attention_bias": self.attention_bias,
            "bos_token_id": null,
            "eos_token_id": null,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.max_position_embeddings,
            "mlp_bias": self.mlp_bias,
            "num_attention_heads": self.num_attention_heads,
            "num_hidden_layers": self.num_hidden_layers,
            "num_key_value_heads": self.num_key_value_heads,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_parameters": parameters,
            "rope_scaling": scaling,
            "rope_theta": self.rope_theta,
            "tie_word_embeddings": self.tie_word_embeddings,
            "torch_dtype": "float32",
            "vocab_size": self.vocab_size,
        })
    }

    pub(super) fn parameters(&self) -> Vec<Parameter> {
        let (d, inner) = (self.hidden_size, self.intermediate_size);
        let (q, kv) = (
            self.num_attention_heads * self.head_dim,
            self.num_key_value_heads * self.head_dim,
        );
        let input = |fan_in| Role::Matrix { fan_in };
        let output = |fan_in| Role::ResidualOutput {
            fan_in,
            count: 2 * self.num_hidden_layers,
        };
        let mut list = vec![parameter(
            "model.embed_tokens.weight",
            &[self.vocab_size, d],
            Role::Embedding,
        )];
        for layer in 0..self.num_hidden_layers {
            let name = |part: &str| format!("model.layers.{layer}.{part}");
            let norm = |part| parameter(&name(part), &[d], Role::NormWeight);
            let attention =
                |part, shape, role| linear(&name(part), shape, role, self.attention_bias);
            let mlp = |part, shape, role| linear(&name(part), shape, role, self.mlp_bias);
            list.push(norm("input_layernorm.weight"));
            list.extend(attention("self_attn.q_proj", [q, d], input(d)));
            list.extend(attention("self_attn.k_proj", [kv, d], input(d)));
            list.extend(attention("self_attn.v_proj", [kv, d], input(d)));
            list.extend(attention("self_attn.o_proj", [d, q], output(q)));
            list.push(norm("post_attention_layernorm.weight"));
            list.extend(mlp("mlp.gate_proj", [inner, d], input(d)));
            list.extend(mlp("mlp.up_proj", [inner, d], input(d)));
            list.extend(mlp("mlp.down_proj", [d, inner], output(inner)));
        }
        list.push(parameter("model.norm.weight", &[d], Role::NormWeight));
        if !self.tie_word_embeddings {
            list.push(parameter(HEAD, &[self.vocab_size, d], input(d)));
        }
        list
    }

    /// Old files carry the rotary frequencies as buffers.
    pub(super) fn parameter_name(&self, stored: &str) -> Option<String> {
        let buffer = stored.ends_with(".rotary_emb.inv_freq");
        let copy = self.tie_word_embeddings && stored == HEAD;
        (!buffer && !copy).then(|| stored.to_owned())
    }
}

fn parameter(name: &str, shape: &[i64], role: Role) -> Parameter {
    Parameter {
        name: name.to_owned(),
        shape: shape.to_vec(),
        role,
    }
}

fn linear(name: &str, shape: [i64; 2], role: Role, bias: bool) -> Vec<Parameter> {
    let weight = parameter(&format!("{name}.weight"), &shape, role);
    let bias = bias.then(|| parameter(&format!("{name}.bias"), &shape[..1], Role::Bias));
    [weight].into_iter().chain(bias).collect()
}

/// The tensors of a Llama in their places.
pub(super) struct LlamaNetwork {
    embed_tokens: Embedding,
    frequencies: Tensor,
    blocks: Vec<Block>,
    norm: RmsNorm,
    head: Linear,
}

struct Block {
    heads: i64,
    key_value_heads: i64,
    input_norm: RmsNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    post_norm: RmsNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl LlamaNetwork {
    pub(super) fn new(config: &LlamaConfig, leaves: &Leaves) -> Result<Self> {
        let blocks = (0..config.num_hidden_layers).map(|layer| Block::new(config, leaves, layer));
        let head = if config.tie_word_embeddings {
            "model.embed_tokens"
        } else {
            "lm_head"
        };
        let frequencies = config.rope.frequencies(config.rope_theta, config.head_dim);
        Ok(Self {
            embed_tokens: Embedding::new(leaves, "model.embed_tokens")?,
            frequencies: Tensor::f_from_slice(&frequencies)?.f_to_device(leaves.device())?,
            blocks: blocks.collect::<Result<_>>()?,
            norm: RmsNorm::new(leaves, "model.norm", config.rms_norm_eps)?,
            head: Linear::new(leaves, head, Inputs::Last)?,
        })
    }
}

impl Block {
    fn new(config: &LlamaConfig, leaves: &Leaves, layer: i64) -> Result<Self> {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        let norm = |part: &str| RmsNorm::new(leaves, &name(part), config.rms_norm_eps);
        let linear = |part: &str| Linear::new(leaves, &name(part), Inputs::Last);
        Ok(Self {
            heads: config.num_attention_heads,
            key_value_heads: config.num_key_value_heads,
            input_norm: norm("input_layernorm")?,
            q: linear("self_attn.q_proj")?,
            k: linear("self_attn.k_proj")?,
            v: linear("self_attn.v_proj")?,
            o: linear("self_attn.o_proj")?,
            post_norm: norm("post_attention_layernorm")?,
            gate: linear("mlp.gate_proj")?,
            up: linear("mlp.up_proj")?,
            down: linear("mlp.down_proj")?,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        pass: &Pass,
        rotation: &Rotation,
        (cache, layer): (Option<&mut Cache>, usize),
    ) -> Result<Tensor> {
        let normed = self.input_norm.forward(x)?;
        let q = rotation.apply(&pass.heads(&self.q.forward(&normed)?, self.heads)?)?;
        let k = rotation.apply(&pass.heads(&self.k.forward(&normed)?, self.key_value_heads)?)?;
        let v = pass.heads(&self.v.forward(&normed)?, self.key_value_heads)?;
        let attended = pass.attend(&q, k, v, cache, layer)?;
        // Past the last attention, only the positions that are asked for go on.
        let (x, attended) = pass.after_attention(layer, x, &attended)?;
        let x = x.f_add(&self.o.forward(&attended)?)?;
        let normed = self.post_norm.forward(&x)?;
        let hidden = self
            .gate
            .forward(&normed)?
            .f_silu()?
            .f_mul(&self.up.forward(&normed)?)?;
        Ok(x.f_add(&self.down.forward(&hidden)?)?)
    }
}

impl Network for LlamaNetwork {
    fn forward(&self, pass: &Pass, mut cache: Option<&mut Cache>) -> Result<Tensor> {
        let rotation = Rotation::new(&self.frequencies, pass)?;
        let mut x = pass.flat(&self.embed_tokens.look_up(pass.tokens())?)?;
        for (layer, block) in self.blocks.iter().enumerate() {
            x = block.forward(&x, pass, &rotation, (cache.as_deref_mut(), layer))?;
        }
        pass.unflat(&self.head.forward(&self.norm.forward(&x)?)?)
    }

    fn layers(&self) -> usize {
        self.blocks.len()
    }
}
