//! One clear message for each configuration that can't be honoured.

#![allow(clippy::unwrap_used)]

mod support;

use picklock_lm::Architecture;
use serde_json::{Value, json};
use support::folders::{complaint, edit_config, saved};
use support::{gpt_neox, gpt2, llama, mistral, qwen2, stablelm};

/// Changes one key, and expects a complaint of it.
#[track_caller]
fn refused(architecture: &Architecture, key: &str, value: Value, complaint: &str) {
    let mut config = architecture.to_config();
    match key.split_once('.') {
        Some((object, key)) => config[object][key] = value,
        None => config[key] = value,
    }
    let message = Architecture::from_config(&config).unwrap_err().to_string();
    assert_eq!(message, format!("config key {complaint}"));
}

#[test]
fn sizes_that_make_no_model_are_named() {
    let whole = "a whole number from 1 to 2147483648";
    for (architecture, key, value, complaint) in [
        (
            gpt2(),
            "n_embd",
            json!("wide"),
            format!("`n_embd`: expected {whole}, got \"wide\""),
        ),
        (
            gpt2(),
            "vocab_size",
            json!(0),
            format!("`vocab_size`: expected {whole}, got 0"),
        ),
        (
            gpt2(),
            "n_positions",
            Value::Null,
            format!("`n_positions`: expected {whole}, got nothing"),
        ),
        (
            gpt2(),
            "n_embd",
            json!(18),
            "`n_embd`: expected a multiple of 4, got 18".to_owned(),
        ),
        (
            mistral(),
            "num_hidden_layers",
            json!(2_000_000_000),
            "`num_hidden_layers`: expected a whole number from 1 to 1024, got 2000000000"
                .to_owned(),
        ),
        (
            llama(),
            "num_key_value_heads",
            json!(3),
            "`num_attention_heads`: expected a multiple of 3, got 4".to_owned(),
        ),
        (
            llama(),
            "head_dim",
            json!(7),
            "`partial_rotary_factor`: expected a share of 7 numbers that is even, got 7".to_owned(),
        ),
        (
            qwen2(),
            "rms_norm_eps",
            json!(-1),
            "`rms_norm_eps`: expected a number above 0, got -1.0".to_owned(),
        ),
    ] {
        refused(&architecture, key, value, &complaint);
    }
}

#[test]
fn unsupported_features_are_named() {
    let nothing = "expected nothing, as it isn't supported, got";
    for (architecture, key, value, complaint) in [
        (
            gpt2(),
            "activation_function",
            json!("relu"),
            "`activation_function`: expected \"gelu_new\" or \"gelu_pytorch_tanh\", got \"relu\""
                .to_owned(),
        ),
        (
            gpt2(),
            "scale_attn_by_inverse_layer_idx",
            json!(true),
            "`scale_attn_by_inverse_layer_idx`: expected false, got true".to_owned(),
        ),
        (
            llama(),
            "hidden_act",
            json!("gelu"),
            "`hidden_act`: expected \"silu\" or \"swish\", got \"gelu\"".to_owned(),
        ),
        (
            gpt_neox(),
            "hidden_act",
            json!("relu"),
            "`hidden_act`: expected \"gelu\", got \"relu\"".to_owned(),
        ),
        (
            llama(),
            "sliding_window",
            json!(64),
            format!("`sliding_window`: {nothing} 64"),
        ),
        (
            mistral(),
            "quantization_config",
            json!({ "bits": 4 }),
            format!("`quantization_config`: {nothing} {{\"bits\":4}}"),
        ),
        (
            qwen2(),
            "layer_types",
            json!(["sliding_attention", "full_attention"]),
            "`layer_types`: expected [\"full_attention\",\"sliding_attention\"], \
             got [\"sliding_attention\",\"full_attention\"]"
                .to_owned(),
        ),
        (
            stablelm(),
            "head_dim",
            json!(8),
            "`head_dim`: expected 4, got 8".to_owned(),
        ),
        (
            llama(),
            "rope_parameters.partial_rotary_factor",
            json!(0.5),
            "`partial_rotary_factor`: expected 1, got 0.5".to_owned(),
        ),
        (
            stablelm(),
            "rope_parameters.partial_rotary_factor",
            json!(1.5),
            "`partial_rotary_factor`: expected above 0 up to 1, got 1.5".to_owned(),
        ),
        (
            llama(),
            "rope_parameters.full_attention",
            json!({ "rope_type": "default" }),
            format!("`full_attention`: {nothing} {{\"rope_type\":\"default\"}}"),
        ),
    ] {
        refused(&architecture, key, value, &complaint);
    }
    for name in ["dynamic", "longrope", "yarn"] {
        let complaint = format!("`rope_type`: expected default, linear or llama3, got \"{name}\"");
        refused(
            &llama(),
            "rope_parameters.rope_type",
            json!(name),
            &complaint,
        );
    }
    refused(
        &llama(),
        "rope_parameters.rope_type",
        json!("linear"),
        "`factor`: expected a number above 0, got nothing",
    );
}

#[test]
fn other_architectures_are_refused() {
    let (_, folder) = saved(&gpt2());
    edit_config(&folder, |config| config["model_type"] = json!("mamba"));
    let message = complaint(&folder, "config.json");
    assert_eq!(
        message,
        "unsupported architecture `mamba`: expected one of gpt2, gpt_neox, llama, mistral, qwen2, \
         stablelm"
    );
    std::fs::write(folder.path().join("config.json"), "{").unwrap();
    assert!(complaint(&folder, "config.json").starts_with("not JSON: "));
    let file = std::fs::File::create(folder.path().join("config.json")).unwrap();
    file.set_len(1 << 40).unwrap();
    assert_eq!(
        complaint(&folder, "config.json"),
        "length: expected at most 67108864 bytes, got more"
    );
}
