//! `SentencePiece`'s BPE, as in Llama and Llama 2: no cutting up, words joined by their scores, what
//! has no word written byte by byte.
//!
//! The `tokenizers` library merges by rank and `SentencePiece` by the score of the joined word: a
//! word's ways to be joined are ranked as its score is, and among themselves by the scores of their
//! parts, as transformers' converter does.

use std::cmp::Ordering;
use std::collections::HashMap;

use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::prepend::Prepend;
use tokenizers::normalizers::replace::Replace;
use tokenizers::normalizers::{self, NormalizerWrapper};
use tokenizers::{DecoderWrapper, Tokenizer};

use super::special::Special;
use super::{Words, one_a_token, refused};
use crate::gguf::metadata::{Metadata, Read};

/// Stands for a space.
const SPACE: char = '▁';

/// A tokenizer of words and scores.
///
/// # Errors
/// Where the metadata lacks something.
pub fn tokenizer(metadata: &Metadata, words: &Words, special: &Special) -> Read<Tokenizer> {
    let scores = metadata.numbers("tokenizer.ggml.scores")?;
    one_a_token("tokenizer.ggml.scores", scores.len(), words.words.len())?;
    let mut model = BPE::builder()
        .vocab_and_merges(words.ids(), merges(words, &scores))
        .fuse_unk(true)
        .byte_fallback(true);
    if let Some(unknown) = special.unknown() {
        model = model.unk_token(unknown.word.clone());
    }
    let mut tokenizer = Tokenizer::new(model.build().map_err(refused)?);
    let space_first = metadata.flag("tokenizer.ggml.add_space_prefix", true)?;
    let mut forms: Vec<NormalizerWrapper> = Vec::new();
    if space_first {
        // Also before a space: `SentencePiece` puts one before every text.
        forms.push(Prepend::new(SPACE.to_string()).into());
    }
    let spaces = Replace::new(" ", SPACE.to_string()).map_err(refused)?;
    forms.push(spaces.into());
    tokenizer
        .with_normalizer(Some(normalizers::Sequence::new(forms)))
        .map_err(refused)?;
    let space = Replace::new(SPACE.to_string(), " ").map_err(refused)?;
    let mut decoder: Vec<DecoderWrapper> = vec![
        space.into(),
        ByteFallback::default().into(),
        Fuse::default().into(),
    ];
    if space_first {
        decoder.push(Strip::new(' ', 1, 0).into());
    }
    tokenizer.with_decoder(Some(Sequence::new(decoder)));
    Ok(tokenizer)
}

/// Every way to join a word of two, the most likely first.
fn merges(words: &Words, scores: &[f32]) -> Vec<(String, String)> {
    let known: HashMap<&str, f32> = words
        .vocabulary()
        .map(|(id, word)| (word, scores[id as usize]))
        .collect();
    let mut merges = Vec::new();
    for (id, word) in words.vocabulary() {
        let mut ways: Vec<_> = word
            .char_indices()
            .skip(1)
            .map(|(place, _)| word.split_at(place))
            .filter_map(|(left, right)| {
                Some(((left, right), [*known.get(left)?, *known.get(right)?]))
            })
            .collect();
        ways.sort_by(|(_, one), (_, other)| other.partial_cmp(one).unwrap_or(Ordering::Equal));
        let score = scores[id as usize];
        merges.extend(ways.into_iter().map(|(way, _)| (score, way)));
    }
    merges.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let merge = |(_, (left, right)): (f32, (&str, &str))| (left.to_string(), right.to_string());
    merges.into_iter().map(merge).collect()
}
