//! One clear message for each broken index, and for shards that don't make a model.

#![allow(clippy::unwrap_used)]

mod support;

use picklock_lm::Kind;
use serde_json::{Value, json};
use support::folders::{INDEX, complaint, numbers, saved, shard, write_index};
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
