//! Configurations of published models, as their folders have them: each is read as the model of so
//! many weights that it is known to be.

#![allow(clippy::unwrap_used)]

use picklock_family::Architecture;
use serde_json::{Value, json};

/// A configuration in the form of Llama and its descendants: width, hidden width, layers, heads, key
/// and value heads, vocabulary; then its own keys.
fn config(model_type: &str, sizes: [i64; 6], own: &Value) -> Value {
    let [width, inner, layers, heads, key_value_heads, vocabulary] = sizes;
    let mut config = json!({
        "model_type": model_type,
        "hidden_act": "silu",
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": key_value_heads,
        "vocab_size": vocabulary,
        "initializer_range": 0.02,
        "torch_dtype": "bfloat16",
        "use_cache": true,
    });
    let own = own.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(own);
    config
}

/// Expects a number of weights, and the description to have these parts.
#[track_caller]
fn check(config: &Value, weights: i64, parts: &[&str]) {
    let architecture = Architecture::from_config(config).unwrap();
    let shapes = architecture.parameters().into_iter().map(|one| one.shape);
    assert_eq!(
        shapes
            .map(|shape| shape.iter().product::<i64>())
            .sum::<i64>(),
        weights
    );
    let text = format!("{architecture:?}");
    for part in parts {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let again = Architecture::from_config(&architecture.to_config()).unwrap();
    assert_eq!(again, architecture);
}

#[test]
fn smollm2_135m() {
    let own = json!({
        "attention_bias": false, "max_position_embeddings": 8192, "mlp_bias": false, "pretraining_tp": 1,
        "is_llama_config": true, "rms_norm_eps": 1e-5, "rope_interleaved": false, "rope_scaling": null,
        "rope_theta": 100_000, "tie_word_embeddings": true, "transformers_version": "4.42.3",
    });
    let config = config("llama", [576, 1536, 30, 9, 3, 49_152], &own);
    check(&config, 134_515_008, &["theta: 100000.0", "head_dim: 64"]);
}

#[test]
fn tinyllama_1_1b() {
    let own =
        json!({ "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_scaling": null });
    check(
        &config("llama", [2048, 5632, 22, 32, 4, 32_000], &own),
        1_100_048_384,
        &["theta: 10000.0"],
    );
}

#[test]
fn deepseek_math_7b() {
    let own = json!({
        "attention_bias": false, "attention_dropout": 0.0, "max_position_embeddings": 4096,
        "pretraining_tp": 1, "rms_norm_eps": 1e-6, "rope_scaling": null, "rope_theta": 10_000.0,
    });
    check(
        &config("llama", [4096, 11_008, 30, 32, 32, 102_400], &own),
        6_910_365_696,
        &[],
    );
}

#[test]
fn deepseek_coder_1_3b() {
    let own = json!({
        "max_position_embeddings": 16_384, "rms_norm_eps": 1e-6, "rope_theta": 100_000,
        "rope_scaling": { "factor": 4.0, "type": "linear" },
    });
    let config = config("llama", [2048, 5504, 24, 16, 16, 32_256], &own);
    check(&config, 1_346_471_936, &["Linear { factor: 4.0 }"]);
}

#[test]
fn llama_3_1_8b() {
    let own = json!({
        "max_position_embeddings": 131_072, "rms_norm_eps": 1e-5, "rope_theta": 500_000.0,
        "rope_scaling": {
            "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192, "rope_type": "llama3",
        },
    });
    let config = config("llama", [4096, 14_336, 32, 32, 8, 128_256], &own);
    check(
        &config,
        8_030_261_248,
        &["original_max_position_embeddings: 8192.0"],
    );
}

#[test]
fn mistral_7b() {
    let own = json!({
        "max_position_embeddings": 32_768, "rms_norm_eps": 1e-5, "rope_theta": 10_000.0,
        "sliding_window": 4096, "tie_word_embeddings": false,
    });
    let config = config("mistral", [4096, 14_336, 32, 32, 8, 32_000], &own);
    check(&config, 7_241_732_096, &["sliding_window: Some(4096)"]);
}

#[test]
fn qwen2_5_0_5b() {
    let own = json!({
        "max_position_embeddings": 32_768, "max_window_layers": 24, "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000.0, "sliding_window": 32_768, "tie_word_embeddings": true,
        "use_mrope": false, "use_sliding_window": false,
    });
    let config = config("qwen2", [896, 4864, 24, 14, 2, 151_936], &own);
    check(&config, 494_032_768, &["sliding_window: None"]);
}

#[test]
fn stablelm_zephyr_3b_and_2() {
    let own = json!({
        "layer_norm_eps": 1e-5, "max_position_embeddings": 4096, "partial_rotary_factor": 0.25,
        "rope_theta": 10_000, "tie_word_embeddings": false, "use_qkv_bias": false,
    });
    let zephyr = config("stablelm", [2560, 6912, 32, 32, 32, 50_304], &own);
    check(
        &zephyr,
        2_795_443_200,
        &["partial_rotary_factor: 0.25", "use_qkv_bias: false"],
    );
    let mut small = config("stablelm", [2048, 5632, 24, 32, 32, 100_352], &own);
    small["use_qkv_bias"] = json!(true);
    check(&small, 1_644_515_328, &["use_qkv_bias: true"]);
}

#[test]
fn pythia_70m() {
    let config = json!({
        "architectures": ["GPTNeoXForCausalLM"], "bos_token_id": 0, "eos_token_id": 0, "hidden_act": "gelu",
        "hidden_size": 512, "initializer_range": 0.02, "intermediate_size": 2048, "layer_norm_eps": 1e-5,
        "max_position_embeddings": 2048, "model_type": "gpt_neox", "num_attention_heads": 8,
        "num_hidden_layers": 6, "rotary_emb_base": 10_000, "rotary_pct": 0.25, "tie_word_embeddings": false,
        "torch_dtype": "float16", "transformers_version": "4.24.0", "use_cache": true,
        "use_parallel_residual": true, "vocab_size": 50_304,
    });
    check(
        &config,
        70_426_624,
        &["partial_rotary_factor: 0.25", "use_parallel_residual: true"],
    );
}

#[test]
fn gpt2_small() {
    let config = json!({
        "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1,
        "bos_token_id": 50_256, "embd_pdrop": 0.1, "eos_token_id": 50_256, "initializer_range": 0.02,
        "layer_norm_epsilon": 1e-5, "model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12,
        "n_layer": 12, "n_positions": 1024, "resid_pdrop": 0.1, "summary_activation": null,
        "task_specific_params": { "text-generation": { "do_sample": true, "max_length": 50 } },
        "vocab_size": 50_257,
    });
    check(&config, 124_439_808, &["tie_word_embeddings: true"]);
}
