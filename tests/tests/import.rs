//! GGUF files through the program: what it says, what it leaves behind.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use picklock_tests::{Place, Running, wait_for};
use rustix::process::Signal;

/// Writes a Llama of one layer with this hidden width; its weights are zeros that take no room.
fn write_llama(path: &Path, hidden: u64) {
    const WIDTH: u64 = 32;
    let words = ["a", "b", "ab", "<end>"];
    let shapes: [(&str, &[u64]); 11] = [
        ("token_embd.weight", &[WIDTH, 4]),
        ("output_norm.weight", &[WIDTH]),
        ("blk.0.attn_norm.weight", &[WIDTH]),
        ("blk.0.attn_q.weight", &[WIDTH, WIDTH]),
        ("blk.0.attn_k.weight", &[WIDTH, WIDTH]),
        ("blk.0.attn_v.weight", &[WIDTH, WIDTH]),
        ("blk.0.attn_output.weight", &[WIDTH, WIDTH]),
        ("blk.0.ffn_norm.weight", &[WIDTH]),
        ("blk.0.ffn_gate.weight", &[WIDTH, hidden]),
        ("blk.0.ffn_up.weight", &[WIDTH, hidden]),
        ("blk.0.ffn_down.weight", &[hidden, WIDTH]),
    ];
    let mut metadata = Vec::new();
    let mut keys = 0;
    let mut key = |name: &str, kind: u32, value: &[u8]| {
        keys += 1;
        metadata.extend(text(name));
        metadata.extend(kind.to_le_bytes());
        metadata.extend(value);
    };
    key("general.architecture", 8, &text("llama"));
    for (name, size) in [
        ("block_count", 1),
        ("context_length", 64),
        ("embedding_length", WIDTH),
        ("feed_forward_length", hidden),
        ("attention.head_count", 2),
    ] {
        key(&format!("llama.{name}"), 10, &size.to_le_bytes());
    }
    key(
        "llama.attention.layer_norm_rms_epsilon",
        6,
        &1e-5_f32.to_le_bytes(),
    );
    key("tokenizer.ggml.model", 8, &text("gpt2"));
    key("tokenizer.ggml.tokens", 9, &texts(&words));
    key("tokenizer.ggml.merges", 9, &texts(&["a b"]));
    key("tokenizer.ggml.eos_token_id", 4, &3_u32.to_le_bytes());
    let mut header = b"GGUF".to_vec();
    header.extend(3_u32.to_le_bytes());
    header.extend((shapes.len() as u64).to_le_bytes());
    header.extend(u64::to_le_bytes(keys));
    header.extend(metadata);
    let mut offset: u64 = 0;
    for (name, shape) in shapes {
        header.extend(text(name));
        header.extend((shape.len() as u32).to_le_bytes());
        header.extend(shape.iter().flat_map(|size| size.to_le_bytes()));
        header.extend(0_u32.to_le_bytes());
        header.extend(offset.to_le_bytes());
        offset += 4 * shape.iter().product::<u64>();
    }
    let mut file = File::create(path).unwrap();
    file.write_all(&header).unwrap();
    file.set_len((header.len() as u64).next_multiple_of(32) + offset)
        .unwrap();
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn texts(texts: &[&str]) -> Vec<u8> {
    let head = [
        8_u32.to_le_bytes().as_slice(),
        &(texts.len() as u64).to_le_bytes(),
    ]
    .concat();
    let body = texts.iter().flat_map(|own| text(own));
    head.into_iter().chain(body).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_becomes_a_folder_that_export_opens() {
    let place = Place::new();
    write_llama(&place.here("small.gguf"), 64);
    let told = place
        .picklock(&["import", "small.gguf", "models/small"])
        .ok()
        .stdout;
    assert_eq!(
        told,
        "models/small: llama, 10,464 weights as float32 in 1 file, all exact\n"
    );
    let expected = [
        "README.md",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ];
    assert_eq!(names(&place.here("models/small")), expected);
    place
        .picklock(&["export", "models/small", "again", "--dtype", "float16"])
        .ok();
    let expected = [&["ORIGINAL.md"], &expected[..]].concat();
    assert_eq!(names(&place.here("again")), expected);
    let again = place.picklock(&["import", "small.gguf", "models/small"]);
    let expected = "models/small: it is there already; choose another folder, or remove this one";
    assert_eq!(again.refusal(), expected);
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let place = Place::new();
    write_llama(&place.here("large.gguf"), 1 << 24);
    let mut command = place.picklock_command();
    let command = command.args(["import", "large.gguf", "models/large"]);
    let running = Running::new(
        command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let models = place.here("models");
    let begun = || {
        models.is_dir()
            && names(&models)
                .iter()
                .any(|aside| !names(&models.join(aside)).is_empty())
    };
    wait_for("the first weights", begun);
    running.signal(Signal::INT);
    let done = running.end();
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (Some(130), "picklock: stopped; nothing was written\n")
    );
    assert_eq!(names(&models), [""; 0]);
}
