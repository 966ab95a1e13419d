//! What a model is, apart from its numbers: the configuration, the list of parameters.
//!
//! A family is one file below this one, holding its configuration, its parameters and its forward
//! pass; adding one touches that file and the matches here.

mod config;
pub mod gpt2;
pub mod llama;
pub mod rope;

use serde_json::Value;

use crate::Result;
use crate::network::{Leaves, Network};
use config::Fields;
use gpt2::{Gpt2Config, Gpt2Network};
use llama::{LlamaConfig, LlamaNetwork};

/// The families that [`Architecture::from_config`] reads.
const SUPPORTED: &str = "gpt2, llama";

/// A model family with its sizes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Architecture {
    /// GPT-2 (Radford et al. 2019), tied or untied.
    Gpt2(Gpt2Config),
    /// Llama (Touvron et al. 2023) with grouped-query attention and scaled rotary positions.
    Llama(LlamaConfig),
}

/// One weight tensor of an architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in a Hugging Face checkpoint.
    pub name: String,
    /// Its shape, without the replica dimension.
    pub shape: Vec<i64>,
    /// What it is for.
    pub role: Role,
}

/// What a parameter is for, which decides how [`crate::Init`] draws it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Token or position embedding.
    Embedding,
    /// A projection with so many inputs.
    Matrix {
        /// Number of inputs of each output.
        fan_in: i64,
    },
    /// A projection that writes into the residual stream, of which there are so many.
    ResidualOutput {
        /// Number of inputs of each output.
        fan_in: i64,
        /// Number of such projections in the model (2 a layer).
        count: i64,
    },
    /// A norm's weight.
    NormWeight,
    /// A bias of a norm or projection.
    Bias,
}

impl Architecture {
    /// Reads the content of a Hugging Face `config.json`, in the spelling of transformers 4 or 5.
    ///
    /// # Errors
    /// [`Error::UnsupportedArchitecture`](crate::Error::UnsupportedArchitecture) for another
    /// `model_type`, [`Error::Config`](crate::Error::Config) naming a key that is missing or asks
    /// for something that isn't implemented.
    pub fn from_config(config: &Value) -> Result<Self> {
        let fields = Fields::new(config)?;
        let model_type: String = fields.required("model_type", "a model family's name")?;
        match model_type.as_str() {
            "gpt2" => Gpt2Config::read(&fields).map(Self::Gpt2),
            "llama" => LlamaConfig::read(&fields).map(Self::Llama),
            _ => Err(crate::Error::UnsupportedArchitecture {
                model_type,
                supported: SUPPORTED,
            }),
        }
    }

    /// The content of a `config.json` that transformers 5 and 4 open.
    pub fn to_config(&self) -> Value {
        match self {
            Self::Gpt2(config) => config.write(),
            Self::Llama(config) => config.write(),
        }
    }

    /// All parameters, in the order in which random models are drawn and norms are listed.
    pub fn parameters(&self) -> Vec<Parameter> {
        match self {
            Self::Gpt2(config) => config.parameters(),
            Self::Llama(config) => config.parameters(),
        }
    }

    /// The family's `model_type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Gpt2(_) => "gpt2",
            Self::Llama(_) => "llama",
        }
    }

    /// Number of token ids.
    pub fn vocab_size(&self) -> i64 {
        match self {
            Self::Gpt2(config) => config.vocab_size,
            Self::Llama(config) => config.vocab_size,
        }
    }

    /// The longest row of tokens that the model takes.
    pub fn max_positions(&self) -> i64 {
        match self {
            Self::Gpt2(config) => config.n_positions,
            Self::Llama(config) => config.max_position_embeddings,
        }
    }

    /// The parameter that a tensor of a checkpoint file holds, or `None` for a tensor that such
    /// files carry besides (masks, frequencies, a second copy of tied embeddings).
    pub(crate) fn parameter_name(&self, stored: &str) -> Option<String> {
        match self {
            Self::Gpt2(config) => config.parameter_name(stored),
            Self::Llama(config) => config.parameter_name(stored),
        }
    }

    /// Sizes of the key/value cache: layers, heads, numbers per head.
    pub(crate) fn cache_shape(&self) -> (i64, i64, i64) {
        match self {
            Self::Gpt2(config) => (config.n_layer, config.n_head, config.n_embd / config.n_head),
            Self::Llama(config) => (
                config.num_hidden_layers,
                config.num_key_value_heads,
                config.head_dim,
            ),
        }
    }

    /// Puts the tensors in their places.
    pub(crate) fn network(&self, leaves: &Leaves) -> Result<Box<dyn Network>> {
        Ok(match self {
            Self::Gpt2(config) => Box::new(Gpt2Network::new(config, leaves)?),
            Self::Llama(config) => Box::new(LlamaNetwork::new(config, leaves)?),
        })
    }
}
