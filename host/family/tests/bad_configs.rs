//! One clear message for each configuration that can't be honoured.

#![allow(clippy::unwrap_used)]

mod support;

use picklock_family::Architecture;
use serde_json::{Value, json};
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
    for name in ["dynamic", "longrope", "yarn", "mrope"] {
        let complaint = format!("`rope_type`: expected default, linear or llama3, got \"{name}\"");
        for rope in [
            json!({ "rope_type": name }),
            json!({ "type": name, "beta_fast": 32 }),
        ] {
            refused(&llama(), "rope_parameters", rope.clone(), &complaint);
            refused(&stablelm(), "rope_scaling", rope, &complaint);
        }
    }
    refused(
        &llama(),
        "rope_parameters.rope_type",
        json!("linear"),
        "`factor`: expected a number above 0, got nothing",
    );
}

/// Experts, capped and scaled numbers, windows where a family has none: in use they are named.
#[test]
fn features_of_other_families_are_named() {
    let all = [gpt2(), gpt_neox(), llama(), mistral(), qwen2(), stablelm()];
    for (key, value) in [
        ("num_local_experts", json!(8)),
        ("num_experts_per_tok", json!(2)),
        ("attn_logit_softcapping", json!(50.0)),
        ("final_logit_softcapping", json!(30.0)),
        ("use_qk_norm", json!(true)),
        ("kv_lora_rank", json!(512)),
        ("no_rope_layers", json!([1, 0])),
        ("quantization_config", json!({ "quant_method": "fp8" })),
    ] {
        let complaint = format!("`{key}`: expected nothing, as it isn't supported, got {value}");
        for architecture in &all {
            refused(architecture, key, value.clone(), &complaint);
        }
    }
    for architecture in [gpt2(), gpt_neox(), llama(), stablelm()] {
        for (key, value) in [
            ("sliding_window", json!(64)),
            ("layer_types", json!(["sliding_attention"])),
        ] {
            let complaint =
                format!("`{key}`: expected nothing, as it isn't supported, got {value}");
            refused(&architecture, key, value, &complaint);
        }
    }
    refused(
        &llama(),
        "residual_multiplier",
        json!(0.22),
        "`residual_multiplier`: expected 1 or 1.0, got 0.22",
    );
}

/// The same keys where they say that nothing is in use, and what concerns neither numbers nor shapes.
#[test]
fn idle_keys_change_nothing() {
    for architecture in [gpt2(), gpt_neox(), llama(), mistral(), qwen2(), stablelm()] {
        let mut config = architecture.to_config();
        for (key, value) in [
            ("num_local_experts", json!(0)),
            ("num_experts", Value::Null),
            ("attn_logit_softcapping", Value::Null),
            ("use_qk_norm", json!(false)),
            ("no_rope_layers", json!([])),
            ("quantization_config", Value::Null),
            ("logit_scale", json!(1.0)),
            ("use_cache", json!(true)),
            ("pretraining_tp", json!(1)),
            ("initializer_range", json!(0.02)),
            ("attention_dropout", json!(0.0)),
            ("transformers_version", json!("5.23.0")),
            ("torch_dtype", json!("bfloat16")),
            ("dtype", json!("bfloat16")),
            ("pad_token_id", json!(0)),
            ("_name_or_path", json!("/somewhere")),
        ] {
            config[key] = value;
        }
        assert_eq!(Architecture::from_config(&config).unwrap(), architecture);
    }
}

#[test]
fn other_architectures_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let complaint = || {
        let error = Architecture::of_directory(folder.path()).unwrap_err();
        let message = error.to_string();
        let rest = message.strip_prefix(&format!("{}: ", path.display()));
        rest.unwrap_or_else(|| panic!("{message}")).to_owned()
    };
    assert_eq!(complaint(), "No such file or directory (os error 2)");
    let mut config = gpt2().to_config();
    config["model_type"] = json!("mamba");
    std::fs::write(&path, config.to_string()).unwrap();
    assert_eq!(
        complaint(),
        "unsupported architecture `mamba`: expected one of gpt2, gpt_neox, llama, mistral, qwen2, \
         stablelm"
    );
    std::fs::write(&path, "{").unwrap();
    assert!(complaint().starts_with("not JSON: "));
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    assert_eq!(
        complaint(),
        "length: expected at most 67108864 bytes, got more"
    );
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(complaint(), "not a file");
}
