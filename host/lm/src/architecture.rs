//! What a model is, apart from its numbers: the configuration, the list of parameters.
//!
//! A family is one file below this one, holding its configuration and the plan of its parts; adding
//! one touches that file and what names the families here.

mod config;
mod decoder;
pub mod gpt2;
pub mod gpt_neox;
pub mod llama;
pub mod mistral;
mod plan;
pub mod qwen2;
pub mod rope;
pub mod sizes;
pub mod stablelm;

use serde_json::Value;

use crate::network::Leaves;
use crate::{Error, Result};
use config::Fields;
pub(crate) use decoder::{Heads, Network, Step, Stream};
use gpt_neox::GptNeoXConfig;
use gpt2::Gpt2Config;
use llama::LlamaConfig;
use mistral::MistralConfig;
pub(crate) use plan::Fusion;
use plan::Plan;
use qwen2::Qwen2Config;
pub(crate) use rope::Rotation;
use stablelm::StableLmConfig;

/// A model family with its sizes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Architecture {
    /// GPT-2 (Radford et al. 2019), tied or untied.
    Gpt2(Gpt2Config),
    /// GPT-NeoX (Black et al. 2022), with the MLP beside or after the attention; Pythia.
    GptNeoX(GptNeoXConfig),
    /// Llama (Touvron et al. 2023) with grouped-query attention and scaled rotary positions;
    /// `DeepSeek`, `SmolLM2`, `TinyLlama`.
    Llama(LlamaConfig),
    /// Mistral (Jiang et al. 2023), with or without a sliding window.
    Mistral(MistralConfig),
    /// Qwen2 and 2.5 (Yang et al. 2024).
    Qwen2(Qwen2Config),
    /// `StableLM` (Bellagente et al. 2024).
    StableLm(StableLmConfig),
}

/// What each family says of itself.
trait Family {
    /// The `model_type` of its configurations.
    fn name(&self) -> &'static str;

    /// Number of token ids.
    fn vocab_size(&self) -> i64;

    /// The longest row of tokens.
    fn max_positions(&self) -> i64;

    /// The content of its `config.json`.
    fn write(&self) -> Value;

    /// Its parts.
    fn plan(&self) -> Plan;

    /// The parameter that a tensor of a checkpoint file holds, or `None` for a buffer that old
    /// files carry besides.
    fn parameter_name(&self, stored: &str) -> Option<String> {
        let frequencies = stored.ends_with(".rotary_emb.inv_freq");
        (!frequencies).then(|| stored.to_owned())
    }
}

/// How a family's configuration is read.
type Read = fn(&Fields) -> Result<Architecture>;

/// The families by `model_type`.
const FAMILIES: [(&str, Read); 6] = [
    (Gpt2Config::NAME, |fields| {
        Gpt2Config::read(fields).map(Architecture::Gpt2)
    }),
    (GptNeoXConfig::NAME, |fields| {
        GptNeoXConfig::read(fields).map(Architecture::GptNeoX)
    }),
    (LlamaConfig::NAME, |fields| {
        LlamaConfig::read(fields).map(Architecture::Llama)
    }),
    (MistralConfig::NAME, |fields| {
        MistralConfig::read(fields).map(Architecture::Mistral)
    }),
    (Qwen2Config::NAME, |fields| {
        Qwen2Config::read(fields).map(Architecture::Qwen2)
    }),
    (StableLmConfig::NAME, |fields| {
        StableLmConfig::read(fields).map(Architecture::StableLm)
    }),
];

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

impl Parameter {
    /// How many numbers it has, without the replica dimension.
    pub fn numbers(&self) -> u64 {
        self.shape.iter().product::<i64>() as u64
    }
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
    /// [`Error::UnsupportedArchitecture`] for another
    /// `model_type`, [`Error::Config`] naming a key that is missing or asks
    /// for something that isn't implemented.
    pub fn from_config(config: &Value) -> Result<Self> {
        let fields = Fields::new(config)?;
        let model_type: String = fields.required("model_type", "a model family's name")?;
        match FAMILIES.iter().find(|(name, _)| *name == model_type) {
            Some((_, read)) => {
                fields.check_foreign()?;
                read(&fields)
            }
            None => Err(Error::UnsupportedArchitecture {
                model_type,
                supported: FAMILIES.map(|(name, _)| name).join(", "),
            }),
        }
    }

    fn family(&self) -> &dyn Family {
        match self {
            Self::Gpt2(config) => config,
            Self::GptNeoX(config) => config,
            Self::Llama(config) => config,
            Self::Mistral(config) => config,
            Self::Qwen2(config) => config,
            Self::StableLm(config) => config,
        }
    }

    /// The content of a `config.json` that transformers 5 and 4 open.
    pub fn to_config(&self) -> Value {
        self.family().write()
    }

    /// All parameters, in the order in which random models are drawn and norms are listed.
    pub fn parameters(&self) -> Vec<Parameter> {
        self.family().plan().parameters()
    }

    /// Visits every parameter in that order, until one is refused. A list of all could be long where
    /// a configuration says so.
    pub(crate) fn each_parameter(&self, visit: impl FnMut(Parameter) -> Result<()>) -> Result<()> {
        let plan = self.family().plan();
        let mut parameters = plan.parts().map(|(_, parameter)| parameter);
        parameters.try_for_each(visit)
    }

    /// How many numbers all parameters have together.
    pub fn weight_count(&self) -> u64 {
        self.parameters().iter().map(Parameter::numbers).sum()
    }

    /// The family's `model_type`.
    pub fn name(&self) -> &'static str {
        self.family().name()
    }

    /// Number of token ids.
    pub fn vocab_size(&self) -> i64 {
        self.family().vocab_size()
    }

    /// The longest row of tokens that the model takes.
    pub fn max_positions(&self) -> i64 {
        self.family().max_positions()
    }

    /// The parameter that a tensor of a checkpoint file holds, or `None` for a buffer that old
    /// files carry besides (masks, frequencies).
    pub(crate) fn parameter_name(&self, stored: &str) -> Option<String> {
        self.family().parameter_name(stored)
    }

    /// The token embedding and the output head, where they are one parameter, under the first name.
    pub(crate) fn tied_names(&self) -> Option<[String; 2]> {
        let plan = self.family().plan();
        plan.tied
            .then(|| [plan.embedding, plan.head].map(|name| format!("{name}.weight")))
    }

    /// Parameters with a row for each token id: the embedding and, where it is another, the head.
    pub(crate) fn vocabulary_names(&self) -> Vec<String> {
        let plan = self.family().plan();
        let names = [Some(plan.embedding), (!plan.tied).then_some(plan.head)];
        let names = names.into_iter().flatten();
        names.map(|name| format!("{name}.weight")).collect()
    }

    /// Sizes of the key/value cache: layers, heads, numbers per head.
    pub(crate) fn cache_shape(&self) -> (i64, i64, i64) {
        self.family().plan().cache_shape()
    }

    /// Numbers that the key/value cache holds for each position of a row.
    pub fn cached_numbers(&self) -> i64 {
        let (layers, heads, width) = self.cache_shape();
        2 * layers * heads * width
    }

    /// Numbers that exist at a time, at most, for each token in a pass without gradients, besides
    /// keys, values and logits.
    pub(crate) fn activations(&self) -> i64 {
        self.family().plan().activations()
    }

    /// Weights that each token is multiplied with: all matrices, and the output head, which may be
    /// the embedding.
    pub fn multiplied_weights(&self) -> i64 {
        let plan = self.family().plan();
        let head = if plan.tied {
            plan.vocab_size * plan.width
        } else {
            0
        };
        let matrices = plan.parameters().into_iter().filter(|parameter| {
            matches!(
                parameter.role,
                Role::Matrix { .. } | Role::ResidualOutput { .. }
            )
        });
        let sizes = matrices.map(|parameter| parameter.shape.iter().product::<i64>());
        head + sizes.sum::<i64>()
    }

    /// Names of parameters that lie side by side in memory, more than one each.
    pub(crate) fn together(&self) -> Vec<Vec<String>> {
        self.family().plan().together()
    }

    /// The block that each parameter belongs to, in parameter order; `None` for those outside.
    pub(crate) fn blocks(&self) -> Vec<Option<usize>> {
        self.family().plan().blocks()
    }

    /// Puts the tensors in their places.
    pub(crate) fn network(&self, leaves: &Leaves) -> Result<Network> {
        Network::new(&self.family().plan(), leaves)
    }
}
