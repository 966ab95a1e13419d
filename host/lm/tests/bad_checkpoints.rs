//! One clear message for each broken folder.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use picklock_lm::{Device, Kind, Model};
use safetensors::tensor::Dtype;
use serde_json::{Value, json};
use tempfile::TempDir;

use support::folders::{
    INDEX, Stored, WEIGHTS, complaint, edit_config, load, numbers, rewrite, saved, shard,
    write_header,
};
use support::{Noise, gpt2, llama, stablelm};

#[test]
fn what_is_no_folder_of_a_model_is_named() {
    let folder = TempDir::new().unwrap();
    let message = complaint(&folder, "");
    assert_eq!(
        message,
        "expected config.json, got a folder without it; give the folder of a Hugging Face model"
    );
    let path = folder.path().join("config.json");
    std::fs::write(&path, "{}").unwrap();
    for (path, got) in [
        (path, "a file"),
        (folder.path().join("none"), "nothing there"),
    ] {
        let message = Model::load(&path, Device::Cpu).unwrap_err().to_string();
        assert_eq!(
            message,
            format!(
                "{}: expected a folder, got {got}; give the folder that holds config.json and \
                 model.safetensors",
                path.display()
            )
        );
    }
    let message = complaint(&folder, "");
    assert_eq!(
        message,
        "expected model.safetensors, got a folder without weights; get the folder again"
    );
}

/// Pickles run code when they are opened, so they aren't; the message says how to convert them.
#[test]
fn pickled_weights_are_not_opened() {
    for name in [
        "pytorch_model.bin",
        "pytorch_model-00001-of-00002.bin",
        "consolidated.00.pth",
    ] {
        let (_, folder) = saved(&gpt2());
        std::fs::remove_file(folder.path().join(WEIGHTS)).unwrap();
        std::fs::write(folder.path().join(name), "pickled").unwrap();
        let (message, path) = (complaint(&folder, ""), folder.path().display());
        assert_eq!(
            message,
            format!(
                "expected model.safetensors, got {name}; convert it, if you trust it: python3 -c \
                 \"from transformers import AutoModelForCausalLM as M; M.from_pretrained('{path}', \
                 dtype='auto').save_pretrained('{path}-safetensors')\""
            )
        );
    }
}

/// What is there but no file isn't waited for, and what may not be read is named.
#[test]
fn files_that_are_none_or_closed_are_named() {
    for file in [WEIGHTS, "config.json"] {
        let (_, folder) = saved(&gpt2());
        let path = folder.path().join(file);
        std::fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
        if std::fs::File::open(&path).is_err() {
            // Everyone but the superuser.
            assert!(complaint(&folder, file).starts_with("Permission denied"));
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(complaint(&folder, file), "not a file");
        std::fs::remove_dir(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        assert_eq!(complaint(&folder, file), "not a file");
    }
}

/// Names from files can't write to a terminal.
#[test]
fn names_of_tensors_are_spelt_out() {
    let (_, folder) = saved(&gpt2());
    let entry = json!({ "dtype": "F32", "shape": [1], "data_offsets": [0, 4] });
    write_header(folder.path(), &json!({ "a\n\u{1b}[2J": entry }), 4);
    assert_eq!(
        complaint(&folder, WEIGHTS),
        "tensor `transformer.wte.weight` is missing: expected shape [19, 16]"
    );
    write_header(folder.path(), &json!({ "a\n\u{1b}[2J": [] }), 4);
    let message = complaint(&folder, WEIGHTS);
    assert!(message.contains("`a\\n\\u{1b}[2J`"), "{message}");
}

/// A configuration of millions of tensors is refused at the first that isn't there, and costs
/// nothing before.
#[test]
fn a_configuration_of_millions_of_tensors_costs_nothing() {
    let (_, folder) = saved(&stablelm());
    edit_config(&folder, |config| {
        config["num_hidden_layers"] = json!(1024);
        config["num_attention_heads"] = json!(1024);
        config["num_key_value_heads"] = json!(1024);
        config["hidden_size"] = json!(1 << 20);
        config["vocab_size"] = json!(1_i64 << 31);
        config["head_dim"] = json!(1024);
        config["qk_layernorm"] = json!(true);
    });
    let started = std::time::Instant::now();
    assert_eq!(
        complaint(&folder, WEIGHTS),
        "tensor `model.embed_tokens.weight`: expected shape [2147483648, 1048576], got [19, 16]"
    );
    assert!(started.elapsed().as_secs_f64() < 2.0);
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
    for (dtype, kind) in [
        (Dtype::F64, Kind::Double),
        (Dtype::I64, Kind::Int64),
        (Dtype::I8, Kind::Int8),
        (Dtype::F8_E4M3, Kind::Float8e4m3fn),
    ] {
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

/// Weights whose sum is too large for a float are weights.
#[test]
fn large_numbers_are_numbers() {
    let (model, folder) = saved(&llama());
    let mut tensors = numbers(&model, Kind::Float);
    let large = [3e38_f32.to_le_bytes(), 3e38_f32.to_le_bytes()].concat();
    tensors.get_mut("model.norm.weight").unwrap().1[8..16].copy_from_slice(&large);
    rewrite(folder.path(), Dtype::F32, &tensors);
    let model = load(&folder).unwrap();
    let weight = model.weights().get("model.norm.weight").unwrap();
    assert!(weight.double_value(&[0, 3]) > 2.9e38);
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
    let entry = entry(json!([1]), json!([0, 4]));
    for (header, expected) in [
        (
            "[]".to_owned(),
            "invalid type: sequence, expected an object at line 1 column 0",
        ),
        (
            r#"{"a":{"dtype":"F99"}}"#.to_owned(),
            "`a`: unknown variant `F99`",
        ),
        (format!(r#"{{"a":{entry},"a":{entry}}}"#), "`a` twice"),
    ] {
        let bytes = [
            &(header.len() as u64).to_le_bytes(),
            header.as_bytes(),
            &[0; 4],
        ]
        .concat();
        std::fs::write(folder.path().join(WEIGHTS), bytes).unwrap();
        let message = complaint(&folder, WEIGHTS);
        let start = "damaged safetensors file: header: expected dtype, shape and data_offsets of each tensor";
        assert!(
            message.starts_with(&format!("{start}, got {expected}")),
            "{message}"
        );
    }
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
