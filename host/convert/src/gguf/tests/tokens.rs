//! Tokenizers come in with what their kind implies and what their metadata says.

use super::{Gguf, i32, u32};
use crate::gguf::metadata::Metadata;
use crate::gguf::tokenizer::{self, Imported};
use crate::gguf::value::Value;

fn read(gguf: &Gguf) -> Result<Imported, String> {
    let metadata = gguf.metadata.iter().cloned().collect();
    tokenizer::read(&Metadata(&metadata), 265, 64)
}

/// The words that a text becomes.
fn words(gguf: &Gguf, text: &str) -> Vec<String> {
    let tokenizer = read(gguf).unwrap().tokenizer;
    tokenizer.encode(text, true).unwrap().get_tokens().to_vec()
}

#[test]
fn each_way_to_cut_a_text_is_its_own() {
    let mut gguf = Gguf::new("llama");
    let text = "12ab ab'll\n<|start|>";
    for (pre, expected) in [
        (
            "smollm",
            ["1", "2", "ab", "Ġab", "'ll", "Ċ", "<|start|>"].as_slice(),
        ),
        ("default", &["12", "ab", "Ġab", "'ll", "Ċ", "<|start|>"]),
        ("qwen2", &["1", "2", "ab", "Ġab", "'ll", "Ċ", "<|start|>"]),
        ("llama-bpe", &["12", "ab", "Ġab", "'ll", "Ċ", "<|start|>"]),
        (
            "deepseek-llm",
            &["1", "2", "ab", "Ġab", "'", "ll", "Ċ", "<|start|>"],
        ),
        (
            "deepseek-coder",
            &["1", "2", "ab", "Ġab", "'", "ll", "Ċ", "<|start|>"],
        ),
    ] {
        gguf.words(&[pre]);
        assert_eq!(words(&gguf, text), expected, "{pre}");
        let tokenizer = read(&gguf).unwrap().tokenizer;
        let ids = tokenizer.encode(text, true).unwrap().get_ids().to_vec();
        assert_eq!(tokenizer.decode(&ids, false).unwrap(), text, "{pre}");
        assert_eq!(
            tokenizer.decode(&ids, true).unwrap(),
            "12ab ab'll\n",
            "{pre}"
        );
    }
}

#[test]
fn texts_are_taken_as_they_are_written() {
    let mut gguf = Gguf::new("llama");
    for pre in ["qwen2", "smollm"] {
        gguf.words(&[pre]);
        assert_eq!(words(&gguf, "e\u{301}"), ["e", "Ì", "ģ"], "{pre}");
    }
}

#[test]
fn texts_begin_and_end_as_the_file_says() {
    let mut gguf = Gguf::new("llama");
    assert_eq!(words(&gguf, "ab"), ["ab"]);
    gguf.set("tokenizer.ggml.add_bos_token", Value::Bool(true));
    assert_eq!(words(&gguf, "ab"), ["<|start|>", "ab"]);
    gguf.set("tokenizer.ggml.add_eos_token", Value::Bool(true));
    assert_eq!(words(&gguf, "ab"), ["<|start|>", "ab", "<|end|>"]);
    let tokenizer = read(&gguf).unwrap().tokenizer;
    let pair = tokenizer.encode(("a", "b"), true).unwrap();
    let expected = ["<|start|>", "a", "<|end|>", "<|start|>", "b", "<|end|>"];
    assert_eq!(pair.get_tokens(), expected);
}

#[test]
fn roles_decide_what_is_a_token_of_its_own() {
    let imported = read(&Gguf::new("llama")).unwrap();
    let added = imported.tokenizer.get_added_tokens_decoder();
    let special = |id| {
        added
            .get(&id)
            .map(|token: &tokenizers::AddedToken| token.special)
    };
    assert_eq!(
        [261, 262, 263, 264].map(special),
        [Some(true), Some(true), Some(false), None]
    );
    assert_eq!(imported.tokenizer.token_to_id("[PAD0]"), None);
    let ids = imported.tokenizer.encode("ab<tool>", false).unwrap();
    assert_eq!(
        imported.tokenizer.decode(ids.get_ids(), true).unwrap(),
        "ab<tool>"
    );
}

#[test]
fn the_chat_template_and_the_special_tokens_are_kept() {
    let mut gguf = Gguf::new("llama");
    gguf.set(
        "tokenizer.chat_template",
        Value::String("{{ messages }}".into()),
    );
    let config = read(&gguf).unwrap().config;
    assert_eq!(config["chat_template"], "{{ messages }}");
    assert_eq!(config["bos_token"], "<|start|>");
    assert_eq!(
        (&config["eos_token"], &config["pad_token"]),
        (&"<|end|>".into(), &"<|end|>".into())
    );
    assert!(config["unk_token"].is_null());
    assert_eq!(config["model_max_length"], 64);
}

/// A `SentencePiece` vocabulary: the likelier a word, the higher its score.
fn sentencepiece() -> Gguf {
    let mut gguf = Gguf::new("llama");
    let bytes = (0..=255).map(|byte| format!("<0x{byte:02X}>"));
    let joined = ["▁ab", "ab", "ba", "▁", "a", "b"].map(String::from);
    let first = ["<unk>", "<s>", "</s>"].map(String::from);
    let words: Vec<String> = first.into_iter().chain(bytes).chain(joined).collect();
    let scores =
        (0..words.len()).map(|index| Value::F32(259.0_f32.min(index as f32) - index as f32));
    let roles = (0..words.len()).map(|index| match index {
        0 => 2,
        1 | 2 => 3,
        3..259 => 6,
        _ => 1,
    });
    gguf.set("tokenizer.ggml.scores", Value::Array(scores.collect()));
    gguf.set(
        "tokenizer.ggml.token_type",
        Value::Array(roles.map(i32).collect()),
    );
    let words = words.iter().cloned().map(Value::String).collect();
    gguf.set("tokenizer.ggml.tokens", Value::Array(words));
    gguf.set("tokenizer.ggml.model", Value::String("llama".into()));
    for (name, id) in [("unknown", 0), ("bos", 1), ("eos", 2)] {
        gguf.set(&format!("tokenizer.ggml.{name}_token_id"), u32(id));
    }
    gguf
}

#[test]
fn sentencepiece_joins_by_score_and_falls_back_to_bytes() {
    let gguf = sentencepiece();
    // Of "ab" and "ba" the likelier joins first; a letter without a word is its bytes.
    assert_eq!(words(&gguf, "ab bab"), ["<s>", "▁ab", "▁", "b", "ab"]);
    assert_eq!(words(&gguf, "é"), ["<s>", "▁", "<0xC3>", "<0xA9>"]);
    // A space of the text's own does not stand for the one that is put before it.
    assert_eq!(words(&gguf, " ab"), ["<s>", "▁", "▁ab"]);
    let tokenizer = read(&gguf).unwrap().tokenizer;
    let ids = tokenizer.encode("ab é", true).unwrap().get_ids().to_vec();
    assert_eq!(tokenizer.decode(&ids, true).unwrap(), "ab é");
}

#[test]
fn what_isnt_known_is_named() {
    let refused = |key: &str, value: Value| {
        let mut gguf = Gguf::new("llama");
        gguf.set(key, value);
        read(&gguf).err().unwrap()
    };
    let text = |text: &str| Value::String(text.into());
    let told = refused("tokenizer.ggml.model", text("t5"));
    assert!(
        told.starts_with("`tokenizer.ggml.model` is `t5`: expected gpt2"),
        "{told}"
    );
    let told = refused("tokenizer.ggml.pre", text("tekken"));
    assert!(
        told.starts_with("`tokenizer.ggml.pre` is `tekken`: expected default"),
        "{told}"
    );
    let told = refused("tokenizer.ggml.eos_token_id", u32(265));
    assert_eq!(
        told,
        "`tokenizer.ggml.eos_token_id` is 265: expected an id below 265"
    );
    let told = refused("tokenizer.ggml.merges", Value::Array(vec![text("ab")]));
    assert_eq!(
        told,
        "`tokenizer.ggml.merges`: expected two words, got `ab`"
    );
    let told = refused("tokenizer.ggml.token_type", Value::Array(vec![i32(1)]));
    assert_eq!(
        told,
        "`tokenizer.ggml.token_type`: expected 265 numbers, one a token, got 1"
    );
    let told = refused("tokenizer.ggml.tokens", Value::Integer(0, 1));
    assert_eq!(
        told,
        "metadata key `tokenizer.ggml.tokens`: expected a list of texts, got U8"
    );
    let mut gguf = Gguf::new("llama");
    gguf.remove("tokenizer.ggml.merges");
    let told = read(&gguf).err().unwrap();
    assert_eq!(
        told,
        "metadata key `tokenizer.ggml.merges` is missing: expected a list of texts"
    );
}
