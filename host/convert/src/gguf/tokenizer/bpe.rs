//! Byte-level BPE, as in GPT-2: a text is cut up, and the bytes of each piece are merged.
//!
//! A GGUF file names only how texts are cut up (`tokenizer.ggml.pre`). What each name means is in
//! llama.cpp's `llama-vocab.cpp`; the patterns are those of the models' own `tokenizer.json`. It says
//! nothing of normalisation, and neither llama.cpp nor this brings a text into another form first.

use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

use super::{Words, refused};
use crate::gguf::metadata::{Metadata, Read};

const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN_2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DEEPSEEK_LLM: [&str; 5] = [
    r"[\r\n]",
    r"\s?[\p{Lu}\p{Ll}\p{Lt}]+",
    r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
    r"\s+$",
    "[一-龥ࠀ-一가-퟿]+",
];
const DEEPSEEK_CODER: [&str; 4] = [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+"];

/// How a text is cut up before its bytes are merged.
struct Cut {
    /// Whether a piece that is a token is taken without merging.
    whole_words: bool,
    pieces: Vec<PreTokenizerWrapper>,
}

/// A tokenizer of words and merges.
///
/// # Errors
/// Where the metadata lacks something, or names a way to cut that isn't known.
pub fn tokenizer(metadata: &Metadata, words: &Words) -> Read<Tokenizer> {
    let cut = metadata.optional_text("tokenizer.ggml.pre")?;
    let cut = Cut::named(cut.unwrap_or("default"))?;
    let merges = metadata.texts("tokenizer.ggml.merges")?;
    let merges = merges.into_iter().map(|merge| match merge.split_once(' ') {
        Some((left, right)) => Ok((left.to_string(), right.to_string())),
        None => Err(format!(
            "`tokenizer.ggml.merges`: expected two words, got `{merge}`"
        )),
    });
    let model = BPE::builder()
        .vocab_and_merges(words.ids(), merges.collect::<Read<Vec<_>>>()?)
        .ignore_merges(cut.whole_words)
        .build()
        .map_err(|error| format!("`tokenizer.ggml.merges`: {error}"))?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(Sequence::new(cut.pieces)));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    Ok(tokenizer)
}

impl Cut {
    fn named(name: &str) -> Read<Self> {
        let digits = || PreTokenizerWrapper::from(Digits::new(true));
        let bytes = |gpt_2: bool| PreTokenizerWrapper::from(ByteLevel::new(false, true, gpt_2));
        let splits = |patterns: &[&str], rest: &[PreTokenizerWrapper]| {
            let splits = patterns.iter().map(|pattern| split(pattern));
            Ok::<_, String>([&splits.collect::<Read<Vec<_>>>()?, rest].concat())
        };
        let pieces = match name {
            "default" | "gpt-2" | "gpt2" => vec![bytes(true)],
            // One digit a token, which the name alone says.
            "smollm" | "starcoder" | "refact" | "codeshell" => vec![digits(), bytes(true)],
            "qwen2" | "deepseek-r1-qwen" => splits(&[QWEN_2], &[bytes(false)])?,
            "llama-bpe" | "llama3" | "llama-v3" => splits(&[LLAMA_3], &[bytes(false)])?,
            "deepseek-llm" => splits(&DEEPSEEK_LLM, &[digits(), bytes(false)])?,
            "deepseek-coder" => splits(&DEEPSEEK_CODER, &[digits(), bytes(false)])?,
            other => {
                return Err(format!(
                    "`tokenizer.ggml.pre` is `{other}`: expected default, gpt-2, smollm, starcoder, \
                     refact, codeshell, qwen2, deepseek-r1-qwen, llama-bpe, deepseek-llm or \
                     deepseek-coder"
                ));
            }
        };
        Ok(Self {
            whole_words: name.starts_with("llama"),
            pieces,
        })
    }
}

/// Makes every match a piece of its own.
fn split(pattern: &str) -> Read<PreTokenizerWrapper> {
    let pattern = SplitPattern::Regex(pattern.to_string());
    Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
        .map(PreTokenizerWrapper::from)
        .map_err(refused)
}
