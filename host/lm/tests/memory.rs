//! What loading takes: besides the model itself, next to nothing.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;
use std::path::Path;

use picklock_family::{Architecture, LlamaConfig, Sizes};
use picklock_lm::{Device, Kind, Model};
use serde_json::{Map, Value, json};

use support::folders::saved;
use support::{llama, sizes};

/// Writes a folder whose weights are all zero, for which the file system needs no room; returns how
/// many there are.
fn zeros(folder: &Path, architecture: &Architecture, dtype: &str, bytes: u64) -> u64 {
    let (mut header, mut end) = (Map::new(), 0);
    for parameter in architecture.parameters() {
        let start = end;
        end += bytes * parameter.shape.iter().product::<i64>() as u64;
        let entry =
            json!({ "dtype": dtype, "shape": parameter.shape, "data_offsets": [start, end] });
        header.insert(parameter.name, entry);
    }
    let header = Value::Object(header).to_string();
    let file = File::create(folder.join("model.safetensors")).unwrap();
    file.write_all_at(&(header.len() as u64).to_le_bytes(), 0)
        .unwrap();
    file.write_all_at(header.as_bytes(), 8).unwrap();
    file.set_len(8 + header.len() as u64 + end).unwrap();
    std::fs::write(
        folder.join("config.json"),
        architecture.to_config().to_string(),
    )
    .unwrap();
    end / bytes
}

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    1024 * kilobytes
}

/// The largest tensor is most of the model, so that a copy of it would show. This is the only test
/// here, as others beside it would add to the peak.
#[test]
fn loading_takes_little_more_than_the_model() {
    picklock_lm::runtime::start(Some(1));
    let architecture = Architecture::Llama(LlamaConfig {
        sizes: Sizes {
            vocab_size: 60_000,
            hidden_size: 1024,
            intermediate_size: 4096,
            tie_word_embeddings: true,
            ..sizes()
        },
        attention_bias: false,
        mlp_bias: false,
    });
    // libtorch's own pages come with its first use.
    let (_, small) = saved(&llama());
    for kind in [Kind::BFloat16, Kind::Float] {
        Model::load_as(small.path(), kind, Device::Cpu).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    // Whether freed memory fits what comes next depends on where the heap ends, so it is moved on,
    // a step of malloc's at a time, over the 64 bytes that libtorch aligns to.
    let moved = [("BF16", 2, Kind::BFloat16); 4];
    let others = [("BF16", 2, Kind::Float), ("F32", 4, Kind::Float)];
    for (dtype, bytes, kind) in moved.into_iter().chain(others) {
        std::mem::forget(Box::new([0_u8; 16]));
        let numbers = zeros(folder.path(), &architecture, dtype, bytes);
        let before = peak();
        let model = Model::load_as(folder.path(), kind, Device::Cpu).unwrap();
        let taken = (peak() - before) as f64 / model.bytes() as f64;
        assert_eq!(model.parameter_count(), numbers as i64);
        assert!(
            (0.9..1.15).contains(&taken),
            "{dtype} as {kind:?}: {taken} times the model"
        );
        std::mem::forget(model); // so that the next model's memory is not this one's
    }
}
