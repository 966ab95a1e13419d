//! One clear message for each broken index, and for shards that don't make a model.

#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::symlink;

use picklock_lm::Kind;
use safetensors::tensor::Dtype;
use serde_json::{Value, json};
use tempfile::TempDir;

use support::folders::{
    INDEX, Stored, complaint, load, numbers, saved, shard, write_file, write_index,
};
use support::llama;

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
    assert_eq!(
        damaged(json!("model-9.safetensors"), INDEX),
        "damaged index: weight_map: expected files of this folder, got `model-9.safetensors`, which \
         is not there; get the folder again"
    );
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

/// A tensor that two shards hold, whichever the index names, and a folder in the place of a shard.
#[test]
fn tensors_in_two_shards_are_named() {
    let (model, folder) = saved(&llama());
    let tensors = numbers(&model, Kind::Float);
    let index = shard(folder.path(), &tensors, 5);
    let last = model.weights().len().div_ceil(5) - 1;
    let file = format!("model-{last}.safetensors");
    let name = "lm_head.weight";
    assert_eq!(index["weight_map"][name], "model-0.safetensors");
    let of_last = |(own, _): &(&String, &Value)| index["weight_map"][own] == file.as_str();
    let places = index["weight_map"].as_object().unwrap().iter();
    let mut both: Stored = places
        .filter(of_last)
        .map(|(own, _)| (own.clone(), tensors[own].clone()))
        .collect();
    both.insert(name.to_owned(), tensors[name].clone());
    write_file(&folder.path().join(&file), Dtype::F32, &both);
    assert_eq!(
        complaint(&folder, INDEX),
        format!(
            "damaged index: place of `{name}`: expected {file}, got model-0.safetensors; get the \
             folder again"
        )
    );
    std::fs::remove_file(folder.path().join(&file)).unwrap();
    std::fs::create_dir(folder.path().join(&file)).unwrap();
    assert_eq!(complaint(&folder, &file), "not a file");
}

/// As a cache of downloads has it: the files are links to elsewhere, of the user's own making. An
/// index names files and not paths, so it can't follow a link to a folder.
#[test]
fn links_are_the_users_and_not_the_indexs() {
    let (model, folder) = saved(&llama());
    let index = shard(folder.path(), &numbers(&model, Kind::Float), 100);
    let elsewhere = TempDir::new().unwrap();
    let (here, there) = (
        folder.path().join("model-0.safetensors"),
        elsewhere.path().join("blob"),
    );
    std::fs::rename(&here, &there).unwrap();
    symlink(&there, &here).unwrap();
    assert_eq!(
        load(&folder).unwrap().digest().unwrap(),
        model.digest().unwrap()
    );
    symlink(elsewhere.path(), folder.path().join("sub")).unwrap();
    let text = index.to_string().replace("model-0.safetensors", "sub/blob");
    write_index(folder.path(), &serde_json::from_str(&text).unwrap());
    assert_eq!(
        complaint(&folder, INDEX),
        "damaged index: weight_map: expected names of files in this folder, got `sub/blob`; get the \
         folder again"
    );
    write_index(folder.path(), &index);
    std::fs::remove_file(&there).unwrap();
    let message = complaint(&folder, INDEX);
    assert!(
        message.contains("`model-0.safetensors`, which is not there"),
        "{message}"
    );
}
