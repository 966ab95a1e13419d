//! Folders in other types and in shards: what is written is what is read, and what is lost is counted.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use picklock_family::Architecture;
use picklock_lm::{Device, Error, Kind, Model, Storage, Stored, Tensor, Weights, Written, convert};
use serde_json::Value;
use tempfile::TempDir;

use support::folders::{INDEX, WEIGHTS, load, saved};
use support::{all, llama, model, qwen2};

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The model with its numbers rounded to a type, and how many of them that changes.
fn rounded(model: &Model, kind: Kind) -> (Model, u64) {
    let mut changed = 0;
    let mut round = |(name, tensor): (&str, &Tensor)| {
        let rounded = tensor.to_kind(kind).to_kind(Kind::Float);
        changed += tensor.ne_tensor(&rounded).sum(Kind::Int64).int64_value(&[]) as u64;
        (name.to_owned(), rounded)
    };
    let weights: Weights = model.weights().iter().map(&mut round).collect();
    (
        Model::new(model.architecture().clone(), weights).unwrap(),
        changed,
    )
}

#[test]
fn every_type_is_its_rounding_also_in_shards() {
    let types = [
        (Stored::Float32, Kind::Float),
        (Stored::Float16, Kind::Half),
        (Stored::Bfloat16, Kind::BFloat16),
    ];
    for architecture in all() {
        let model = model(&architecture, 1);
        for (stored, kind) in types {
            let (expected, changed) = rounded(&model, kind);
            for shard_bytes in [1 << 30, 5000] {
                let folder = TempDir::new().unwrap();
                let storage = Storage {
                    stored,
                    shard_bytes,
                };
                let written = model.save_as(folder.path(), storage).unwrap();
                let weights = model.parameter_count() as u64;
                assert_eq!((written.weights, written.rounded), (weights, changed));
                assert_eq!(written.files > 1, shard_bytes == 5000, "{}", written.files);
                let again = load(&folder).unwrap();
                assert_eq!(again.digest().unwrap(), expected.digest().unwrap());
                let config = read(&folder.path().join("config.json"));
                assert_eq!(config["torch_dtype"], stored.name());
            }
        }
    }
}

#[test]
fn an_index_names_each_tensors_file_and_the_size_of_all() {
    let model = model(&qwen2(), 1);
    let folder = TempDir::new().unwrap();
    let storage = Storage {
        stored: Stored::Bfloat16,
        shard_bytes: 4000,
    };
    let written = model.save_as(folder.path(), storage).unwrap();
    let index = read(&folder.path().join(INDEX));
    assert_eq!(index["metadata"]["total_size"], 2 * written.weights);
    let places = index["weight_map"].as_object().unwrap();
    assert_eq!(places.len(), model.weights().len());
    let last = format!("model-{0:05}-of-{0:05}.safetensors", written.files);
    assert!(places.values().any(|file| *file == last.as_str()), "{last}");
    assert!(!folder.path().join(WEIGHTS).exists());
}

#[test]
fn a_number_that_a_type_cant_hold_is_refused() {
    let whole = model(&llama(), 1);
    let weights = whole.weights().iter().map(|(name, tensor)| {
        let large = name == "model.layers.1.mlp.down_proj.weight";
        let tensor = if large { tensor * 1e8 } else { tensor.copy() };
        (name.to_owned(), tensor)
    });
    let large = Model::new(llama(), weights.collect()).unwrap();
    let folder = TempDir::new().unwrap();
    let in_16_bits = |stored| {
        large.save_as(
            folder.path(),
            Storage {
                stored,
                ..Storage::default()
            },
        )
    };
    let told = in_16_bits(Stored::Float16).unwrap_err().to_string();
    let tensor = "model.layers.1.mlp.down_proj.weight";
    let expected =
        format!("tensor `{tensor}`: a number is too large for float16; choose float32 or bfloat16");
    assert_eq!(told, expected);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    in_16_bits(Stored::Bfloat16).unwrap();
}

fn converted(architecture: &Architecture, storage: Storage) -> (Model, Written, TempDir, usize) {
    let (model, from) = saved(architecture);
    let (to, mut told) = (TempDir::new().unwrap(), 0);
    let count = |_: &_| {
        told += 1;
        Ok::<_, Error>(())
    };
    let written = convert(from.path(), to.path(), storage, count).unwrap();
    (model, written, to, told)
}

#[test]
fn a_converted_folder_is_what_its_model_would_write() {
    for architecture in all() {
        let storage = Storage {
            stored: Stored::Bfloat16,
            shard_bytes: 20_000,
        };
        let (model, written, to, told) = converted(&architecture, storage);
        let direct = TempDir::new().unwrap();
        assert_eq!(model.save_as(direct.path(), storage).unwrap(), written);
        assert_eq!(told, model.weights().len());
        for entry in std::fs::read_dir(to.path()).unwrap() {
            let name = entry.unwrap().file_name();
            let bytes = |folder: &TempDir| std::fs::read(folder.path().join(&name)).unwrap();
            assert!(bytes(&to) == bytes(&direct), "{name:?}");
        }
        // The configuration is the caller's.
        let config = direct.path().join("config.json");
        std::fs::copy(config, to.path().join("config.json")).unwrap();
        Model::load(to.path(), Device::Cpu).unwrap();
    }
}
