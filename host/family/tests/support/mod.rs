//! One small architecture of each family.

#![allow(dead_code, reason = "each test file uses a part of it")]

use picklock_family::{
    Architecture, Gpt2Config, GptNeoXConfig, LlamaConfig, MistralConfig, Qwen2Config, Rope, Sizes,
    StableLmConfig,
};

pub fn gpt2() -> Architecture {
    Architecture::Gpt2(Gpt2Config {
        vocab_size: 19,
        n_positions: 26,
        n_embd: 16,
        n_layer: 2,
        n_head: 4,
        n_inner: None,
        layer_norm_epsilon: 1e-5,
        tie_word_embeddings: false,
    })
}

/// Sizes with grouped heads that aren't a share of the width.
pub fn sizes() -> Sizes {
    Sizes {
        vocab_size: 19,
        max_position_embeddings: 32,
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 6,
        norm_eps: 1e-5,
        rope: Rope::DEFAULT,
        tie_word_embeddings: false,
    }
}

pub fn llama() -> Architecture {
    Architecture::Llama(LlamaConfig {
        sizes: sizes(),
        attention_bias: true,
        mlp_bias: true,
    })
}

/// Windows in the second layer, shorter than the rows of these tests.
pub fn qwen2() -> Architecture {
    Architecture::Qwen2(Qwen2Config {
        sizes: sizes(),
        sliding_window: Some(4),
        max_window_layers: 1,
    })
}

/// A window shorter than the rows of these tests.
pub fn mistral() -> Architecture {
    Architecture::Mistral(MistralConfig {
        sizes: sizes(),
        sliding_window: Some(3),
    })
}

/// Half of each head rotated, in parallel form.
pub fn gpt_neox() -> Architecture {
    Architecture::GptNeoX(GptNeoXConfig {
        vocab_size: 19,
        max_position_embeddings: 32,
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        layer_norm_eps: 1e-5,
        rope: Rope {
            partial_rotary_factor: 0.5,
            ..Rope::DEFAULT
        },
        attention_bias: true,
        use_parallel_residual: true,
        tie_word_embeddings: false,
    })
}

/// The 12B form: norms of each head, parallel.
pub fn stablelm() -> Architecture {
    Architecture::StableLm(StableLmConfig {
        sizes: Sizes {
            head_dim: 4,
            rope: Rope {
                partial_rotary_factor: 0.5,
                ..Rope::DEFAULT
            },
            tie_word_embeddings: true,
            ..sizes()
        },
        use_qkv_bias: true,
        qk_layernorm: true,
        use_parallel_residual: true,
    })
}

/// One small architecture of each family.
pub fn all() -> [Architecture; 6] {
    [gpt2(), gpt_neox(), llama(), mistral(), qwen2(), stablelm()]
}
