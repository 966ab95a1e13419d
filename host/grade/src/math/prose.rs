//! Text that happens to have no box, rather than an answer.

use std::sync::LazyLock;

use regex::Regex;

use super::{lexer, unit};

/// Answers in words are short.
const MOST_WORDS: usize = 3;

/// Short words of which sentences are made, and products of variables hardly.
const SHORT: [&str; 24] = [
    "an", "are", "as", "be", "by", "can", "for", "get", "has", "how", "if", "is", "it", "let",
    "not", "of", "on", "our", "so", "the", "to", "use", "we", "you",
];

/// A command, or letters.
static LETTERS: LazyLock<Regex> = LazyLock::new(|| compiled(r"\\?[A-Za-z]{2,}"));

/// The end of a sentence with another one behind it.
static SENTENCES: LazyLock<Regex> = LazyLock::new(|| compiled(r"[^.\s][.!?]\$?\s+[A-Z]"));

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that tests compile")
}

/// Whether a text is more than an answer: several sentences, or more than three words that are neither
/// units nor numbers nor words of the expected answer.
pub fn is_prose(text: &str, expected: &str) -> bool {
    let letters = |text| LETTERS.find_iter(text).map(|found| found.as_str());
    let expected: Vec<String> = letters(expected).map(str::to_lowercase).collect();
    let words = letters(text).map(str::to_lowercase);
    let words = words.filter(|word| is_spoken(word) && !expected.contains(word));
    words.count() > MOST_WORDS || SENTENCES.is_match(text)
}

fn is_spoken(word: &str) -> bool {
    let numeral = unit::number(word).is_some() || unit::multiplier(word).is_some();
    !(numeral || unit::is_known(word)) && (SHORT.contains(&word) || lexer::is_spoken(word))
}
