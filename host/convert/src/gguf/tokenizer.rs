//! The tokenizer of a GGUF file, for the `tokenizers` library, and what transformers keeps beside it.

mod bpe;
mod sentencepiece;
mod special;

use std::fmt::Display;

use serde_json::{Value, json};
use tokenizers::models::bpe::Vocab;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer};

use super::metadata::{Metadata, Read};
use special::Special;

/// What a token is for; numbers as in llama.cpp.
mod role {
    pub const NORMAL: u64 = 1;
    pub const CONTROL: u64 = 3;
    pub const USER_DEFINED: u64 = 4;
    pub const UNUSED: u64 = 5;
}

/// The words of a vocabulary by their ids.
struct Words<'a> {
    words: Vec<&'a str>,
    roles: Vec<u64>,
}

/// A tokenizer and the settings that belong to it.
pub struct Imported {
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// The content of `tokenizer_config.json`.
    pub config: Value,
    /// Ids of the tokens that begin, end and fill up a text, under their keys in `config.json`.
    pub ids: Value,
}

/// Reads the tokenizer of a file whose model knows so many ids.
///
/// # Errors
/// Where the metadata lacks something, or names a kind of tokenizer that isn't implemented.
pub fn read(metadata: &Metadata, ids: usize, longest: i64) -> Read<Imported> {
    let words = Words::read(metadata, ids)?;
    let special = Special::read(metadata, &words)?;
    let mut tokenizer = match metadata.text("tokenizer.ggml.model")? {
        "gpt2" => bpe::tokenizer(metadata, &words)?,
        "llama" => sentencepiece::tokenizer(metadata, &words, &special)?,
        other => {
            return Err(format!(
                "`tokenizer.ggml.model` is `{other}`: expected gpt2 (byte-level BPE) or llama \
                 (SentencePiece BPE)"
            ));
        }
    };
    let added = |role| -> Vec<AddedToken> {
        words
            .of_role(role)
            .map(|word| AddedToken::from(word, role == role::CONTROL).normalized(false))
            .collect()
    };
    tokenizer
        .add_special_tokens(added(role::CONTROL))
        .and_then(|_| tokenizer.add_tokens(added(role::USER_DEFINED)))
        .map_err(refused)?;
    if let Some(template) = template(&special)? {
        tokenizer.with_post_processor(Some(template));
    }
    let mut config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": false,
        "model_max_length": longest,
    });
    for (key, token) in special.named() {
        config[key] = token.map(|token| token.word.as_str()).into();
    }
    if let Some(template) = metadata.optional_text("tokenizer.chat_template")? {
        config["chat_template"] = template.into();
    }
    Ok(Imported {
        tokenizer,
        config,
        ids: special.ids(),
    })
}

/// Refuses a list that has not a number for each token.
fn one_a_token(key: &str, numbers: usize, tokens: usize) -> Read<()> {
    if numbers == tokens {
        return Ok(());
    }
    Err(format!(
        "`{key}`: expected {tokens} numbers, one a token, got {numbers}"
    ))
}

fn refused(error: impl Display) -> String {
    format!("tokenizer: {error}")
}

/// Puts the beginning-of-text token before each text, and the end's after, where the file says so.
fn template(special: &Special) -> Read<Option<TemplateProcessing>> {
    let (first, last) = (special.before_text(), special.after_text());
    if first.is_none() && last.is_none() {
        return Ok(None);
    }
    let around = |text: &str, sequence: u8| {
        let token = |token: &special::Token| format!("{}:{sequence}", token.word);
        let text = Some(format!("{text}:{sequence}"));
        let parts = [first.map(token), text, last.map(token)];
        parts.into_iter().flatten().collect::<Vec<String>>()
    };
    let pair = [around("$A", 0), around("$B", 1)].concat();
    let known = [first, last].into_iter().flatten();
    let known: Vec<_> = known.map(|token| (token.word.clone(), token.id)).collect();
    TemplateProcessing::builder()
        .try_single(around("$A", 0))
        .and_then(|template| template.try_pair(pair))
        .map_err(refused)?
        .special_tokens(known)
        .build()
        .map(Some)
        .map_err(refused)
}

impl<'a> Words<'a> {
    fn read(metadata: &'a Metadata, ids: usize) -> Read<Self> {
        let words = metadata.texts("tokenizer.ggml.tokens")?;
        if words.len() > ids || words.is_empty() {
            return Err(format!(
                "`tokenizer.ggml.tokens`: expected 1 to {ids} tokens, as many as the model knows, got {}",
                words.len()
            ));
        }
        let roles = metadata.optional_wholes("tokenizer.ggml.token_type")?;
        let roles = roles.unwrap_or_else(|| vec![role::NORMAL; words.len()]);
        one_a_token("tokenizer.ggml.token_type", roles.len(), words.len())?;
        Ok(Self { words, roles })
    }

    /// The ids of all words but unused ones.
    fn ids(&self) -> Vocab {
        self.vocabulary()
            .map(|(id, word)| (word.to_string(), id))
            .collect()
    }

    /// All words but unused ones, which only fill the vocabulary up to the model's size.
    fn vocabulary(&self) -> impl Iterator<Item = (u32, &'a str)> {
        (0..)
            .zip(&self.words)
            .zip(&self.roles)
            .filter(|(_, role)| **role != role::UNUSED)
            .map(|((id, word), _)| (id, *word))
    }

    /// Words of a role: those that control and those that a user has added are taken out of a text
    /// before it is cut up.
    fn of_role(&self, role: u64) -> impl Iterator<Item = &'a str> {
        self.roles
            .iter()
            .zip(&self.words)
            .filter(move |(own, _)| **own == role)
            .map(|(_, word)| *word)
    }
}
