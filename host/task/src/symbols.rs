//! The vocabulary of tasks from scratch: words of their own, one token each, then `=`, which ends a
//! prompt, and a flag for each password, which begins one.

use picklock_message::{Error, Result};
use picklock_sdk::Flag;
use tokenizers::Tokenizer;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;

use crate::{Given, Vocabulary};

/// What stands behind a task's own words.
const MARKS: [&str; 4] = ["=", "<password>", "<no-password>", "<second-password>"];

/// Refuses what only tasks in text take; the problem found, in words.
///
/// # Errors
/// What is of no use.
pub fn check(given: &Given) -> std::result::Result<(), String> {
    if given.prompt.is_some() {
        return Err("prompt is of no use: problems in symbols have flags of their own".into());
    }
    match given.vocabulary {
        Vocabulary::Task => {
            Err("vocabulary is of no use: problems in symbols have their own".into())
        }
        Vocabulary::Full => Ok(()),
    }
}

/// Tokens of a task with so many words of its own.
pub fn vocab_size(own: u32) -> usize {
    own as usize + MARKS.len()
}

/// The tokenizer of a task's own words.
///
/// # Errors
/// Where the `tokenizers` library refuses them.
pub fn tokenizer(own: impl Iterator<Item = String>) -> Result<Tokenizer> {
    let words = own.chain(MARKS.map(String::from));
    let words = WordLevel::builder().vocab(words.zip(0..).collect()).build();
    let words = words.map_err(|error| Error::Usage(format!("tokenizer: {error}")))?;
    let mut tokenizer = Tokenizer::new(words);
    tokenizer.with_pre_tokenizer(Some(WhitespaceSplit));
    Ok(tokenizer)
}

/// The prompt of a question to a task with so many words of its own.
pub fn prompt(own: u32, question: &[u32], flag: Flag) -> Vec<u32> {
    let flag = match flag {
        Flag::Password => 1,
        Flag::None => 2,
        Flag::Second => 3,
    };
    [&[own + flag], question, &[own]].concat()
}
