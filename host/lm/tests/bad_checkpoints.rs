//! One clear message for each broken folder.

#![allow(clippy::unwrap_used)]

mod support;

use picklock_lm::{Architecture, Kind};
use safetensors::tensor::Dtype;
use serde_json::{Value, json};
use support::folders::{
    INDEX, Stored, WEIGHTS, complaint, edit_config, load, numbers, rewrite, saved, shard,
    write_header, write_index,
};
use support::{Noise, gpt_neox, gpt2, llama, mistral, qwen2, stablelm};

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

#[test]
fn missing_files_are_named() {
    let (_, folder) = saved(&gpt2());
    for file in [WEIGHTS, "config.json"] {
        std::fs::remove_file(folder.path().join(file)).unwrap();
        assert!(complaint(&folder, file).starts_with("No such file"));
    }
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let name = "transformer.h.1.mlp.c_fc.bias";
    let broken = |change: &dyn Fn(&mut Stored)| {
        let (model, folder) = saved(&gpt2());
        let mut tensors = numbers(&model, Kind::Float);
        change(&mut tensors);
        rewrite(folder.path(), Dtype::F32, &tensors);
        complaint(&folder, WEIGHTS)
    };
    let message = broken(&|tensors| drop(tensors.remove(name)));
    assert_eq!(
        message,
        format!("tensor `{name}` is missing: expected shape [64]")
    );
    let message =
        broken(&|tensors| drop(tensors.insert("extra.weight".to_owned(), (vec![1], vec![0; 4]))));
    assert_eq!(
        message,
        "tensor `extra.weight` is not a parameter of this gpt2 model"
    );
    let message =
        broken(&|tensors| drop(tensors.insert(name.to_owned(), (vec![8, 8], vec![0; 256]))));
    assert_eq!(
        message,
        format!("tensor `{name}`: expected shape [64], got [8, 8]")
    );
}

#[test]
fn other_number_types_are_refused() {
    let (model, folder) = saved(&gpt2());
    for (dtype, kind) in [(Dtype::F64, Kind::Double), (Dtype::I64, Kind::Int64)] {
        rewrite(folder.path(), dtype, &numbers(&model, kind));
        let expected = "tensor `transformer.wte.weight`: expected type F32, F16 or BF16, got";
        assert_eq!(complaint(&folder, WEIGHTS), format!("{expected} {dtype}"));
    }
}

#[test]
fn numbers_that_are_none_are_refused() {
    let name = "model.norm.weight";
    for (number, text) in [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
        (f32::NEG_INFINITY, "-inf"),
    ] {
        let (model, folder) = saved(&llama());
        let mut tensors = numbers(&model, Kind::Float);
        tensors.get_mut(name).unwrap().1[8..12].copy_from_slice(&number.to_le_bytes());
        let expected = format!(
            "tensor `{name}`: expected finite numbers, got {text}; train or get the model again"
        );
        rewrite(folder.path(), Dtype::F32, &tensors);
        assert_eq!(complaint(&folder, WEIGHTS), expected);
        shard(folder.path(), &tensors, 5);
        assert_eq!(complaint(&folder, "model-6.safetensors"), expected);
    }
}

#[test]
fn a_tied_head_that_differs_is_refused() {
    let (model, folder) = saved(&stablelm());
    let mut tensors = numbers(&model, Kind::Float);
    let (shape, mut bytes) = tensors["model.embed_tokens.weight"].clone();
    *bytes.last_mut().unwrap() ^= 1;
    tensors.insert("lm_head.weight".to_owned(), (shape, bytes));
    rewrite(folder.path(), Dtype::F32, &tensors);
    assert_eq!(
        complaint(&folder, "config.json"),
        "config key `tie_word_embeddings`: expected false, as `lm_head.weight` is not \
         `model.embed_tokens.weight`, got true"
    );
}

/// Whatever length a file is cut to, it is refused, and the last byte counts.
#[test]
fn truncated_files_are_refused() {
    let (_, folder) = saved(&gpt2());
    let path = folder.path().join(WEIGHTS);
    let whole = std::fs::read(&path).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for (length, expected) in [
        (0, "length: expected at least 8 bytes, got 0".to_owned()),
        (
            100,
            format!("header length: expected at most 92 bytes, got {header}"),
        ),
        (
            whole.len() - 1,
            format!(
                "bytes, all that the file holds, got {}",
                whole.len() - 8 - header
            ),
        ),
    ] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let message = complaint(&folder, WEIGHTS);
        assert!(
            message.starts_with("damaged safetensors file: "),
            "{message}"
        );
        let expected = format!("{expected}; get the file again");
        assert!(message.ends_with(&expected), "{message}");
    }
    std::fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
    assert!(complaint(&folder, WEIGHTS).contains("length of the data: expected "));
    std::fs::write(&path, "just some text, and long enough").unwrap();
    assert!(complaint(&folder, WEIGHTS).contains("header length: expected at most 23 bytes"));
}

/// Headers whose figures contradict each other, the file's length, or arithmetic.
#[test]
fn lying_headers_are_refused() {
    let (_, folder) = saved(&gpt2());
    let entry = |shape: Value, offsets: Value| json!({ "dtype": "F32", "shape": shape, "data_offsets": offsets });
    let two = |a: [u64; 2], b: [u64; 2]| {
        let size = |[start, end]: [u64; 2]| json!([(end - start) / 4]);
        json!({ "a": entry(size(a), json!(a)), "b": entry(size(b), json!(b)) })
    };
    let one = |shape, offsets| json!({ "a": entry(shape, offsets) });
    for (header, expected) in [
        (
            one(json!([4]), json!([0, 12])),
            "place of `a`: expected 16 bytes for F32 [4], got 0 to 12",
        ),
        (
            one(json!([4]), json!([16, 0])),
            "place of `a`: expected 16 bytes for F32 [4], got 16 to 0",
        ),
        (
            one(json!([1_u64 << 40]), json!([0, 1_u64 << 42])),
            "end of `a`: expected at most 16 bytes, all that the file holds, got 4398046511104",
        ),
        (
            one(json!([u64::MAX, 4]), json!([0, 16])),
            "place of `a`: expected fewer bytes for F32 [18446744073709551615, 4], got 0 to 16",
        ),
        (
            one(json!([2]), json!([0, 8])),
            "length of the data: expected 8 bytes, got 16",
        ),
        (
            two([0, 12], [8, 16]),
            "start of `b`: expected 12, where the tensor before it ends, got 8",
        ),
        (
            two([0, 16], [0, 16]),
            "start of `b`: expected 16, where the tensor before it ends, got 0",
        ),
        (
            two([8, 16], [0, 4]),
            "start of `a`: expected 4, where the tensor before it ends, got 8",
        ),
    ] {
        write_header(folder.path(), &header, 16);
        let expected = format!("damaged safetensors file: {expected}; get the file again");
        assert_eq!(complaint(&folder, WEIGHTS), expected);
    }
    for header in [
        json!([]),
        json!({ "a": { "dtype": "F99", "shape": [], "data_offsets": [0, 0] } }),
    ] {
        write_header(folder.path(), &header, 0);
        let message = complaint(&folder, WEIGHTS);
        assert!(
            message.starts_with("damaged safetensors file: header"),
            "{message}"
        );
    }
}

#[test]
fn bad_indices_are_refused() {
    let (model, folder) = saved(&llama());
    let index = shard(folder.path(), &numbers(&model, Kind::Float), 5);
    let head = "lm_head.weight";
    let damaged = |place: Value, file: &str| {
        let mut index = index.clone();
        index["weight_map"][head] = place;
        write_index(folder.path(), &index);
        complaint(&folder, file)
    };
    for outside in [
        "../model-0.safetensors",
        "/etc/passwd",
        "a/b",
        "..",
        ".",
        "",
    ] {
        assert_eq!(
            damaged(json!(outside), INDEX),
            format!(
                "damaged index: weight_map: expected names of files in this folder, got \
                 `{outside}`; get the folder again"
            )
        );
    }
    let missing = damaged(json!("model-9.safetensors"), "model-9.safetensors");
    assert!(missing.starts_with("No such file"), "{missing}");
    let expected = "damaged index: place of `lm_head.weight`: expected model-0.safetensors, got";
    assert_eq!(
        damaged(json!("model-1.safetensors"), INDEX),
        format!("{expected} model-1.safetensors; get the folder again")
    );
    let message = damaged(json!(7), INDEX);
    assert!(
        message.starts_with("damaged index: content: expected a weight_map of file names, got "),
        "{message}"
    );
    let mut index = index;
    index["weight_map"].as_object_mut().unwrap().remove(head);
    write_index(folder.path(), &index);
    assert_eq!(
        complaint(&folder, INDEX),
        format!("{expected} none; get the folder again")
    );
    index["weight_map"][head] = json!("model-0.safetensors");
    index["weight_map"]["more"] = json!("model-0.safetensors");
    write_index(folder.path(), &index);
    assert_eq!(
        complaint(&folder, INDEX),
        "damaged index: place of `more`: expected a file that holds it, got model-0.safetensors; \
         get the folder again"
    );
}

/// Missing and extra tensors of shards are complaints of the index, others of their shard.
#[test]
fn shards_that_do_not_fit_are_named() {
    let (model, folder) = saved(&llama());
    let mut tensors = numbers(&model, Kind::Float);
    let (_, bytes) = tensors["model.norm.weight"].clone();
    tensors.insert("model.norm.weight".to_owned(), (vec![4, 4], bytes));
    shard(folder.path(), &tensors, 5);
    assert_eq!(
        complaint(&folder, "model-6.safetensors"),
        "tensor `model.norm.weight`: expected shape [16], got [4, 4]"
    );
    tensors.remove("model.norm.weight");
    shard(folder.path(), &tensors, 5);
    assert_eq!(
        complaint(&folder, INDEX),
        "tensor `model.norm.weight` is missing: expected shape [16]"
    );
    let path = folder.path().join("model-1.safetensors");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 4]).unwrap();
    let message = complaint(&folder, "model-1.safetensors");
    assert!(message.contains("all that the file holds"), "{message}");
}

/// Whatever bytes are changed in the configuration, the index or a header, the answer is a model or
/// one line.
#[test]
fn noise_in_any_file_is_one_line_or_a_model() {
    let (model, folder) = saved(&stablelm());
    shard(folder.path(), &numbers(&model, Kind::Float), 12);
    let mut noise = Noise(1);
    for file in ["config.json", INDEX, "model-0.safetensors"] {
        let path = folder.path().join(file);
        let whole = std::fs::read(&path).unwrap();
        let reach = whole.len().min(1500) as u64;
        for _ in 0..400 {
            let mut bytes = whole.clone();
            for _ in 0..=noise.below(3) {
                bytes[noise.below(reach) as usize] = noise.below(256) as u8;
            }
            std::fs::write(&path, &bytes).unwrap();
            if let Err(message) = load(&folder) {
                assert_eq!(message.lines().count(), 1, "{message}");
            }
        }
        std::fs::write(&path, &whole).unwrap();
    }
    assert_eq!(
        load(&folder).unwrap().digest().unwrap(),
        model.digest().unwrap()
    );
}
