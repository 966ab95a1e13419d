//! Tokens with a part to play: the first and last of a text, padding, the unknown.

use serde_json::{Value, json};

use super::Words;
use crate::gguf::metadata::{Metadata, Read};

/// A token.
pub struct Token {
    /// Its id.
    pub id: u32,
    /// Its text.
    pub word: String,
}

/// The special tokens that a file names.
pub struct Special {
    first: Option<Token>,
    last: Option<Token>,
    padding: Option<Token>,
    unknown: Option<Token>,
    adds_first: bool,
    adds_last: bool,
}

impl Special {
    /// Reads what the metadata says. Where it doesn't say whether texts begin with the first token,
    /// `SentencePiece`'s do, as in llama.cpp.
    ///
    /// # Errors
    /// Where an id is beyond the vocabulary.
    pub fn read(metadata: &Metadata, words: &Words) -> Read<Self> {
        let token = |name: &str| -> Read<Option<Token>> {
            let key = format!("tokenizer.ggml.{name}_token_id");
            let count = words.words.len();
            let token = |id| match words.words.get(id as usize) {
                Some(word) => Ok(Token {
                    id: id as u32,
                    word: (*word).to_string(),
                }),
                None => Err(format!("`{key}` is {id}: expected an id below {count}")),
            };
            metadata.optional_whole(&key)?.map(token).transpose()
        };
        let sentencepiece = metadata.text("tokenizer.ggml.model")? == "llama";
        Ok(Self {
            first: token("bos")?,
            last: token("eos")?,
            padding: token("padding")?,
            unknown: token("unknown")?,
            adds_first: metadata.flag("tokenizer.ggml.add_bos_token", sentencepiece)?,
            adds_last: metadata.flag("tokenizer.ggml.add_eos_token", false)?,
        })
    }

    /// What stands for words that can't be written.
    pub fn unknown(&self) -> Option<&Token> {
        self.unknown.as_ref()
    }

    /// What is put before a text.
    pub fn before_text(&self) -> Option<&Token> {
        self.first.as_ref().filter(|_| self.adds_first)
    }

    /// What is put after a text.
    pub fn after_text(&self) -> Option<&Token> {
        self.last.as_ref().filter(|_| self.adds_last)
    }

    /// All of them, under their keys in `tokenizer_config.json`.
    pub fn named(&self) -> [(&'static str, Option<&Token>); 4] {
        [
            ("bos_token", self.first.as_ref()),
            ("eos_token", self.last.as_ref()),
            ("pad_token", self.padding.as_ref()),
            ("unk_token", self.unknown.as_ref()),
        ]
    }

    /// Their ids, under their keys in `config.json`.
    pub fn ids(&self) -> Value {
        let id = |token: &Option<Token>| token.as_ref().map(|token| token.id);
        json!({
            "bos_token_id": id(&self.first),
            "eos_token_id": id(&self.last),
            "pad_token_id": id(&self.padding),
        })
    }
}
