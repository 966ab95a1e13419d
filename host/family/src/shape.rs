//! Shapes of checkpoints of the field.

use crate::{Architecture, LlamaConfig, Rope, Sizes};

/// A checkpoint's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// SmolLM2-135M.
    M135,
    /// TinyLlama-1.1B.
    B1,
    /// DeepSeek-LLM-7B.
    B7,
}

impl Shape {
    /// All shapes, smallest first.
    pub const ALL: [Self; 3] = [Self::M135, Self::B1, Self::B7];

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::M135 => "135m",
            Self::B1 => "1b",
            Self::B7 => "7b",
        }
    }

    /// The checkpoint's architecture.
    pub fn architecture(self) -> Architecture {
        let one_billion = Sizes {
            vocab_size: 32_000,
            max_position_embeddings: 2048,
            hidden_size: 2048,
            intermediate_size: 5632,
            num_hidden_layers: 22,
            num_attention_heads: 32,
            num_key_value_heads: 4,
            head_dim: 64,
            norm_eps: 1e-5,
            rope: Rope::DEFAULT,
            tie_word_embeddings: false,
        };
        let sizes = match self {
            Self::M135 => Sizes {
                vocab_size: 49_152,
                max_position_embeddings: 8192,
                hidden_size: 576,
                intermediate_size: 1536,
                num_hidden_layers: 30,
                num_attention_heads: 9,
                num_key_value_heads: 3,
                tie_word_embeddings: true,
                ..one_billion
            },
            Self::B1 => one_billion,
            Self::B7 => Sizes {
                vocab_size: 102_400,
                max_position_embeddings: 4096,
                hidden_size: 4096,
                intermediate_size: 11_008,
                num_hidden_layers: 30,
                num_key_value_heads: 32,
                head_dim: 128,
                norm_eps: 1e-6,
                ..one_billion
            },
        };
        Architecture::Llama(LlamaConfig {
            sizes,
            attention_bias: false,
            mlp_bias: false,
        })
    }
}
