//! Hugging Face folders to read, edit and break.

use std::collections::BTreeMap;
use std::path::Path;

use picklock_family::Architecture;
use picklock_lm::{Device, Kind, Model, Tensor};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::model;

/// Shapes and bytes by name.
pub type Stored = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

pub const WEIGHTS: &str = "model.safetensors";
pub const INDEX: &str = "model.safetensors.index.json";

pub fn saved(architecture: &Architecture) -> (Model, TempDir) {
    let (model, folder) = (model(architecture, 1), TempDir::new().unwrap());
    model.save(folder.path()).unwrap();
    (model, folder)
}

pub fn load(folder: &TempDir) -> Result<Model, String> {
    Model::load(folder.path(), Device::Cpu).map_err(|error| error.to_string())
}

/// The message for a folder, which must begin with the file's path, or its own where that is empty.
#[track_caller]
pub fn complaint(folder: &TempDir, file: &str) -> String {
    let message = load(folder).unwrap_err();
    let path = match file {
        "" => folder.path().to_owned(),
        file => folder.path().join(file),
    };
    let path = format!("{}: ", path.display());
    message
        .strip_prefix(&path)
        .unwrap_or_else(|| panic!("{message}"))
        .to_owned()
}

/// Writes a file of tensors of one type.
pub fn write_file(path: &Path, dtype: Dtype, tensors: &Stored) {
    let views = tensors.iter().map(|(name, (shape, bytes))| {
        let view = TensorView::new(dtype, shape.clone(), bytes);
        (name.clone(), view.unwrap())
    });
    let views: Vec<_> = views.collect();
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// Puts tensors in the place of a folder's weights.
pub fn rewrite(folder: &Path, dtype: Dtype, tensors: &Stored) {
    write_file(&folder.join(WEIGHTS), dtype, tensors);
}

/// Puts tensors in the place of a folder's weights, in shards of so many, and returns the index's
/// content.
pub fn shard(folder: &Path, tensors: &Stored, size: usize) -> Value {
    let _ = std::fs::remove_file(folder.join(WEIGHTS)); // it may be gone already
    let all: Vec<_> = tensors.iter().collect();
    let mut places = serde_json::Map::new();
    for (number, part) in all.chunks(size).enumerate() {
        let file = format!("model-{number}.safetensors");
        let part = part
            .iter()
            .map(|&(name, tensor)| (name.clone(), tensor.clone()));
        let part: Stored = part.collect();
        places.extend(part.keys().map(|name| (name.clone(), json!(file))));
        write_file(&folder.join(file), Dtype::F32, &part);
    }
    let index = json!({ "metadata": { "total_size": 0 }, "weight_map": places });
    write_index(folder, &index);
    index
}

pub fn write_index(folder: &Path, index: &Value) {
    std::fs::write(folder.join(INDEX), index.to_string()).unwrap();
}

/// Writes a file of weights with this header and so many zeros.
pub fn write_header(folder: &Path, header: &Value, zeros: usize) {
    let header = header.to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + zeros, 0);
    std::fs::write(folder.join(WEIGHTS), bytes).unwrap();
}

/// A model's numbers as bytes of a type.
pub fn numbers(model: &Model, kind: Kind) -> Stored {
    let tensor = |(name, tensor): (&str, &Tensor)| {
        let shape: Vec<usize> = tensor.size()[1..]
            .iter()
            .map(|&size| size as usize)
            .collect();
        let flat = tensor.to_kind(kind).contiguous();
        let mut bytes = vec![0; flat.numel() * kind.elt_size_in_bytes()];
        flat.f_copy_data_u8(&mut bytes, flat.numel()).unwrap();
        (name.to_owned(), (shape, bytes))
    };
    model.weights().iter().map(tensor).collect()
}

pub fn edit_config(folder: &TempDir, edit: impl FnOnce(&mut Value)) {
    let path = folder.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    edit(&mut config);
    std::fs::write(path, config.to_string()).unwrap();
}
