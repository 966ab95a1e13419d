//! A sound folder of a model, of which each input replaces one file. The first byte says which:
//! `0` config.json, `1` the index, `2` a shard, `3` a shard's header, before as many zeros as it takes.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use picklock_fuzz::one_line;
use picklock_family::Architecture;
use picklock_lm::{Device, Kind, Model, runtime};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

const CONFIG: &str = include_str!("../seeds/checkpoint/config-llama");
const SHARD: &str = "a.safetensors";

/// Most bytes of data that a header is given.
const MOST_DATA: u64 = 1 << 20;

struct Folder {
    place: TempDir,
    /// Names and sound contents, in the order of the inputs' first byte.
    files: [(&'static str, Vec<u8>); 3],
}

fn folder() -> &'static Folder {
    static FOLDER: OnceLock<Folder> = OnceLock::new();
    FOLDER.get_or_init(|| {
        runtime::start(Some(1));
        let place = TempDir::new().expect("a folder");
        let config: Value = serde_json::from_str(&CONFIG[1..]).expect("JSON");
        let architecture = Architecture::from_config(&config).expect("a sound configuration");
        let model = Model::noise(&architecture, 1, Kind::Float, Device::Cpu).expect("a model");
        model.save(place.path()).expect("room for it");
        let names = model
            .weights()
            .iter()
            .map(|(name, _)| (name.to_owned(), json!(SHARD)));
        let index = json!({ "weight_map": names.collect::<Map<_, _>>() });
        let whole = place.path().join("model.safetensors");
        let shard = std::fs::read(&whole).expect("weights");
        std::fs::remove_file(whole).expect("one's own file");
        let files = [
            ("config.json", CONFIG[1..].into()),
            ("model.safetensors.index.json", index.to_string().into()),
            (SHARD, shard),
        ];
        for (name, contents) in &files {
            std::fs::write(place.path().join(name), contents).expect("room for it");
        }
        Model::load(place.path(), Device::Cpu).expect("a sound folder");
        Folder { place, files }
    })
}

/// A file with this header, and the data that its last tensor ends with.
fn with_header(header: &[u8]) -> Vec<u8> {
    let entries: Map<String, Value> = serde_json::from_slice(header).unwrap_or_default();
    let ends = entries
        .values()
        .filter_map(|entry| entry["data_offsets"][1].as_u64());
    let data = ends.max().unwrap_or(0).min(MOST_DATA) as usize;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.resize(file.len() + data, 0);
    file
}

fuzz_target!(|input: &[u8]| {
    let Some((&which, bytes)) = input.split_first() else {
        return;
    };
    let (file, contents) = match which {
        b'0' => (0, bytes.to_vec()),
        b'1' => (1, bytes.to_vec()),
        b'2' => (2, bytes.to_vec()),
        b'3' => (2, with_header(bytes)),
        _ => return,
    };
    let Folder { place, files } = folder();
    let (name, sound) = &files[file];
    let path: PathBuf = place.path().join(name);
    std::fs::write(&path, contents).expect("room for it");
    match Model::load(place.path(), Device::Cpu) {
        Ok(model) => {
            let written = model.architecture().to_config();
            let again = Architecture::from_config(&written).expect("what was written can be read");
            assert_eq!(&again, model.architecture());
        }
        Err(error) => one_line(&error),
    }
    std::fs::write(&path, sound).expect("room for it");
});
