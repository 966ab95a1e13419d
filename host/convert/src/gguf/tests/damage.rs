//! Files that are damaged, or that ask for what isn't there: one line each, and no panic.

use super::{Gguf, Place, ggml_type, u32};
use crate::gguf::value::Value;

/// A file with one tensor, which is enough for everything that is refused before weights are read.
fn small() -> Gguf {
    let mut gguf = Gguf::new("llama");
    gguf.tensor(
        "token_embd.weight",
        &[265, 256],
        ggml_type("Q8_0"),
        vec![5; 265 * 256 / 32 * 34],
    );
    gguf
}

fn refused(bytes: &[u8]) -> String {
    Place::new().import(bytes).unwrap_err()
}

/// Where a file says something that stands in it once.
fn place(bytes: &[u8], text: &str) -> usize {
    let places = bytes.windows(text.len()).enumerate();
    let mut places = places.filter(|(_, window)| *window == text.as_bytes());
    let (place, _) = places.next().unwrap();
    assert!(places.next().is_none(), "{text} is there twice");
    place
}

/// The file with the bytes after a text replaced.
fn with(bytes: &[u8], text: &str, skipped: usize, new: &[u8]) -> Vec<u8> {
    let start = place(bytes, text) + text.len() + skipped;
    let mut bytes = bytes.to_vec();
    bytes[start..start + new.len()].copy_from_slice(new);
    bytes
}

#[test]
fn a_file_that_ends_early_is_refused_wherever_it_ends() {
    let bytes = small().bytes();
    for length in (0..bytes.len() - 32).step_by(97) {
        let told = refused(&bytes[..length]);
        let known = ["get the file again", "begin with GGUF"];
        assert!(
            known.iter().any(|known| told.contains(known)),
            "{length}: {told}"
        );
    }
    let told = refused(&bytes[..20]);
    assert_eq!(
        told,
        "number of keys: expected 8 more bytes, got 4; get the file again"
    );
}

#[test]
fn no_byte_of_a_header_makes_it_panic() {
    let bytes = small().bytes();
    let header = place(&bytes, "token_embd.weight") + 64;
    for (index, new) in (0..header)
        .step_by(11)
        .zip([0xff, 0, 0x80, 1].into_iter().cycle())
    {
        let mut bytes = bytes.clone();
        bytes[index] = new;
        // One tensor is no model: whatever else is right, it is refused.
        assert!(!refused(&bytes).is_empty());
    }
}

#[test]
fn what_is_wrong_in_a_header_is_named() {
    let mut gguf = small();
    gguf.set("general.alignment", u32(32));
    let bytes = gguf.bytes();
    let huge = u64::MAX.to_le_bytes();
    for (bytes, expected) in [
        (
            b"GGML".to_vec(),
            "not a GGUF file: it doesn't begin with GGUF",
        ),
        (
            with(&bytes, "GGUF", 0, &[1]),
            "GGUF version 1: expected 2 or 3",
        ),
        (
            with(&bytes, "GGUF", 0, &[0, 0, 0, 3]),
            "a big-endian GGUF file: expected a little-endian one",
        ),
        (
            with(&bytes, "general.alignment", 4, &[0; 4]),
            "`general.alignment`: expected a power of 2 as a 32-bit number",
        ),
        (
            with(&bytes, "general.alignment", 0, &[99]),
            "`general.alignment`: value type 99, expected 0 to 8 or 10 to 12",
        ),
        (
            with(&bytes, "token_embd.weight", 0, &[7]),
            "tensor `token_embd.weight`: 7 dimensions, expected 1 to 4",
        ),
        (
            with(&bytes, "token_embd.weight", 4, &[100]),
            "tensor `token_embd.weight`: [356, 265] is no shape for Q8_0",
        ),
        (
            with(&bytes, "token_embd.weight", 12, &huge),
            "tensor `token_embd.weight`: [256, 18446744073709551615] is no shape for Q8_0",
        ),
        (
            with(&bytes, "token_embd.weight", 20, &[20]),
            "tensor `token_embd.weight` has numbers of type 20 (IQ4_NL): expected F32, F16, BF16, \
             Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 or Q2_K to Q6_K",
        ),
        (
            with(&bytes, "token_embd.weight", 24, &[0, 0, 2]),
            "tensor `token_embd.weight`: expected 72080 bytes at 131072 of the data, got 72096 bytes \
             of data in all; get the file again",
        ),
    ] {
        assert_eq!(refused(&bytes), expected);
    }
}

#[test]
fn lengths_are_believed_only_as_far_as_the_file_goes() {
    let bytes = small().bytes();
    let huge = (1_u64 << 60).to_le_bytes();
    let told = refused(&with(&bytes, "general.architecture", 4, &huge));
    assert!(
        told.starts_with("`general.architecture`: expected 1152921504606846976 more bytes, got"),
        "{told}"
    );
    let told = refused(&with(&bytes, "tokenizer.ggml.tokens", 8, &huge));
    assert_eq!(
        told,
        "`tokenizer.ggml.tokens`: an array of 1152921504606846976, expected fewer elements"
    );
    let told = refused(&with(&bytes, "GGUF", 12, &huge));
    assert!(told.contains("get the file again"), "{told}");
}

#[test]
fn two_tensors_of_one_name_are_refused() {
    let mut gguf = small();
    gguf.numbers("token_embd.weight", &[1, 32], &[0.5; 32]);
    assert_eq!(
        refused(&gguf.bytes()),
        "tensor `token_embd.weight` is there twice"
    );
}

#[test]
fn metadata_that_says_too_little_or_too_much_is_refused() {
    let changed = |key: &str, value: Option<Value>| {
        let mut gguf = small();
        gguf.remove(key);
        if let Some(value) = value {
            gguf.set(key, value);
        }
        refused(&gguf.bytes())
    };
    let text = |text: &str| Some(Value::String(text.into()));
    for (told, expected) in [
        (
            changed("general.architecture", None),
            "metadata key `general.architecture` is missing: expected a text",
        ),
        (
            changed("general.architecture", text("gemma3")),
            "unsupported architecture `gemma3`: expected llama or qwen2",
        ),
        (
            changed("llama.block_count", None),
            "metadata key `llama.block_count` is missing: expected a whole number",
        ),
        (
            changed("llama.block_count", text("two")),
            "metadata key `llama.block_count`: expected a whole number, got String",
        ),
        (
            changed("llama.block_count", Some(u32(u32::MAX))),
            "config key `num_hidden_layers`: expected a whole number from 1 to 1024, got 4294967295",
        ),
        (
            changed("llama.attention.head_count", Some(u32(0))),
            "config key `num_attention_heads`: expected a whole number from 1 to 1024, got 0",
        ),
        (
            changed("llama.expert_count", Some(u32(8))),
            "`llama.expert_count`: a mixture of experts isn't supported",
        ),
        (
            changed("llama.rope.scaling.type", text("yarn")),
            "`llama.rope.scaling.type` is `yarn`: expected none or linear",
        ),
        (
            changed("llama.rope.dimension_count", Some(u32(32))),
            "`llama.rope.dimension_count`: expected 64, all numbers of a head",
        ),
        (
            changed("llama.attention.head_count_kv", None),
            "tensor `blk.0.attn_norm.weight` is missing: expected shape [256]",
        ),
    ] {
        assert_eq!(told, expected);
    }
}

#[test]
fn a_tensor_that_has_no_place_is_named() {
    let mut gguf = small();
    gguf.set("llama.block_count", u32(1));
    let shapes: [(&str, &[usize]); 11] = [
        ("blk.0.attn_norm.weight", &[256]),
        ("blk.0.attn_q.weight", &[256, 256]),
        ("blk.0.attn_k.weight", &[128, 256]),
        ("blk.0.attn_v.weight", &[128, 256]),
        ("blk.0.attn_output.weight", &[256, 256]),
        ("blk.0.ffn_norm.weight", &[256]),
        ("blk.0.ffn_gate.weight", &[512, 256]),
        ("blk.0.ffn_up.weight", &[512, 256]),
        ("blk.0.ffn_down.weight", &[256, 512]),
        ("output_norm.weight", &[256]),
        ("blk.0.attn_sinks.weight", &[4]),
    ];
    for (name, shape) in shapes {
        let numbers = vec![0.25; shape.iter().product()];
        gguf.numbers(name, shape, &numbers);
    }
    assert_eq!(
        refused(&gguf.bytes()),
        "tensor `blk.0.attn_sinks.weight` is not a parameter of this llama model"
    );
    gguf.tensors.pop();
    let last = gguf.tensors.len() - 1;
    gguf.tensors[last].name = "output_norm".into();
    gguf.numbers("output_norm.weight", &[256], &[f32::NAN; 256]);
    gguf.tensors.remove(last);
    let told = refused(&gguf.bytes());
    assert!(
        told.starts_with("tensor `model.norm.weight`: expected finite numbers, got NaN"),
        "{told}"
    );
}
