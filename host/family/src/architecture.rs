//! A model's family and sizes, which say everything of it but its numbers.

use std::path::Path;

use serde_json::Value;

use crate::family::Family;
use crate::fields::Fields;
use crate::file::read_small;
use crate::parameter::{Parameter, Role};
use crate::plan::Plan;
use crate::{Error, Result};

/// Lists the families once: their variants, modules and configurations.
macro_rules! families {
    ($($(#[$doc:meta])* $family:ident($module:ident::$config:ident);)*) => {
        $(pub use crate::$module::$config;)*

        /// A model family with its sizes.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum Architecture {
            $($(#[$doc])* $family($config),)*
        }

        /// The families by `model_type`, and how their configurations are read.
        const FAMILIES: &[(&str, fn(&Fields) -> Result<Architecture>)] = &[
            $(($config::NAME, |fields| $config::read(fields).map(Architecture::$family)),)*
        ];

        impl Architecture {
            fn family(&self) -> &dyn Family {
                match self {
                    $(Self::$family(config) => config,)*
                }
            }

            /// The family's `model_type`.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$family(_) => $config::NAME,)*
                }
            }
        }
    };
}

families! {
    /// GPT-2 (Radford et al. 2019), tied or untied.
    Gpt2(gpt2::Gpt2Config);
    /// GPT-NeoX (Black et al. 2022), with the MLP beside or after the attention; Pythia.
    GptNeoX(gpt_neox::GptNeoXConfig);
    /// Llama (Touvron et al. 2023) with grouped-query attention and scaled rotary positions;
    /// `DeepSeek`, `SmolLM2`, `TinyLlama`.
    Llama(llama::LlamaConfig);
    /// Mistral (Jiang et al. 2023), with or without a sliding window.
    Mistral(mistral::MistralConfig);
    /// Qwen2 and 2.5 (Yang et al. 2024).
    Qwen2(qwen2::Qwen2Config);
    /// `StableLM` (Bellagente et al. 2024).
    StableLm(stablelm::StableLmConfig);
}

impl Architecture {
    /// Reads what the model of a Hugging Face folder is, without its weights.
    ///
    /// # Errors
    /// [`Error::Io`] where `config.json` can't be read, else [`Error::File`] with what is wrong in it.
    pub fn of_directory(directory: &Path) -> Result<Self> {
        let config = directory.join("config.json");
        read_small(&config)
            .and_then(|text| Ok(serde_json::from_slice(&text)?))
            .and_then(|value| Self::from_config(&value))
            .map_err(|error| error.in_file(config))
    }

    /// Reads the content of a Hugging Face `config.json`, in the spelling of transformers 4 or 5.
    ///
    /// # Errors
    /// [`Error::UnsupportedArchitecture`] for another
    /// `model_type`, [`Error::Config`] naming a key that is missing or asks
    /// for something that isn't implemented.
    pub fn from_config(config: &Value) -> Result<Self> {
        let fields = Fields::new(config)?;
        let model_type: String = fields.required("model_type", "a model family's name")?;
        let Some((_, read)) = FAMILIES.iter().find(|(name, _)| *name == model_type) else {
            let names: Vec<&str> = FAMILIES.iter().map(|(name, _)| *name).collect();
            let supported = names.join(", ");
            return Err(Error::UnsupportedArchitecture {
                model_type,
                supported,
            });
        };
        fields.check_foreign()?;
        read(&fields)
    }

    /// The content of a `config.json` that transformers 5 and 4 open.
    pub fn to_config(&self) -> Value {
        self.family().write()
    }

    /// The same with another number of token ids.
    ///
    /// # Errors
    /// [`Error::Config`] for a number that the family refuses.
    pub fn with_vocab_size(&self, vocab_size: i64) -> Result<Self> {
        let mut config = self.to_config();
        config["vocab_size"] = vocab_size.into();
        Self::from_config(&config)
    }

    /// Number of token ids.
    pub fn vocab_size(&self) -> i64 {
        self.family().limits().vocab_size
    }

    /// The longest row of tokens that the model takes.
    pub fn max_positions(&self) -> i64 {
        self.family().limits().max_positions
    }

    /// The parts that a decoder is put together from.
    pub fn plan(&self) -> Plan {
        self.family().plan()
    }

    /// All parameters, in the order in which random models are drawn and norms are listed.
    pub fn parameters(&self) -> Vec<Parameter> {
        let plan = self.plan();
        plan.parameters().map(|(_, parameter)| parameter).collect()
    }

    /// How many numbers all parameters have together.
    pub fn weight_count(&self) -> u64 {
        self.parameters().iter().map(Parameter::numbers).sum()
    }

    /// The parameter that a tensor of a checkpoint file holds, or `None` for a buffer that old
    /// files carry besides (masks, frequencies).
    pub fn parameter_name(&self, stored: &str) -> Option<String> {
        self.family().parameter_name(stored)
    }

    /// Numbers that the key/value cache holds for each position of a row.
    pub fn cached_numbers(&self) -> i64 {
        let (layers, heads, width) = self.plan().cache_shape();
        2 * layers * heads * width
    }

    /// Weights that each token is multiplied with: all matrices, and the output head, which may be
    /// the embedding.
    pub fn multiplied_weights(&self) -> i64 {
        let plan = self.plan();
        let multiplied = plan
            .parameters()
            .map(|(_, parameter)| match parameter.role {
                Role::Matrix { .. } | Role::ResidualOutput { .. } => parameter.numbers(),
                Role::Embedding | Role::NormWeight | Role::Bias => 0,
            });
        let head = if plan.tied {
            plan.vocab_size * plan.width
        } else {
            0
        };
        head + multiplied.sum::<u64>() as i64
    }
}
