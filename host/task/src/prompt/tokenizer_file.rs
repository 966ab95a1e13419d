//! `tokenizer.json`: read and checked.

use std::path::Path;

use picklock_message::{Error, Result};
use tokenizers::{Encoding, Token, Tokenizer};

use super::small_file;

/// Files of tokenizers in other forms, and in a folder without `tokenizer.json` the reason.
const OTHERS: [&str; 3] = ["tokenizer.model", "vocab.json", "spiece.model"];

/// Reads a folder's `tokenizer.json`. Truncation and padding that it asks for are left out: a prompt
/// is never cut in silence.
///
/// # Errors
/// Where there is none, it is no tokenizer, or its vocabulary is empty.
pub fn read(folder: &Path) -> Result<Tokenizer> {
    let path = folder.join("tokenizer.json");
    let Some(text) = small_file::read(&path)? else {
        return Err(Error::file(&path, missing(folder)));
    };
    let mut tokenizer: Tokenizer = text.parse().map_err(|error| {
        let problem = format!("not a tokenizer: {error}; get the file again");
        Error::file(&path, problem)
    })?;
    if tokenizer.get_vocab_size(true) == 0 {
        let problem = "an empty vocabulary, expected at least one token; get the file again";
        return Err(Error::file(&path, problem));
    }
    // Taking a truncation away can't fail.
    let _ = tokenizer.with_truncation(None);
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

fn missing(folder: &Path) -> String {
    if !folder.is_dir() {
        return "no such folder; a model is a Hugging Face folder".into();
    }
    match OTHERS.into_iter().find(|name| folder.join(name).exists()) {
        None => "no such file; a model's folder has its tokenizer in it".into(),
        Some(other) => format!(
            "no such file, only {other}; convert it: AutoTokenizer.from_pretrained(DIR)\
             .save_pretrained(DIR) in transformers"
        ),
    }
}

/// What a tokenizer puts in front of a text by its own setting; what it puts behind is no part of a
/// prompt.
pub fn in_front(tokenizer: &Tokenizer) -> Vec<u32> {
    // No token has this id, so it stays where the text would stand.
    let text = Token::new(u32::MAX, String::new(), (0, 0));
    let text = Encoding::from_tokens(vec![text], 0);
    let Ok(processed) = tokenizer.post_process(text, None, true) else {
        return Vec::new();
    };
    let before = processed.get_ids().iter().take_while(|id| **id != u32::MAX);
    before.copied().collect()
}
