//! Graders: each reads an answer in text, and says whether it is the expected one. Tasks know where
//! answers come from.

pub mod cases;
mod exact;
mod math;
mod number;
mod program;
mod regex;

use picklock_message::{Error, Result};
use serde::{Deserialize, Serialize};

pub use cases::{Agreement, Case, Tally};
pub use math::last_box;
pub use program::Program;
pub use regex::Pattern;

/// The most characters of an answer that a message shows.
const SHOWN: usize = 60;

/// The verdict on an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// Right.
    Correct,
    /// Readable, and not right.
    Wrong,
    /// Not readable as an answer.
    Unparsed,
}

impl Grade {
    /// The grade of a readable answer.
    fn of(is_right: bool) -> Self {
        if is_right { Self::Correct } else { Self::Wrong }
    }

    /// The letter that journals use.
    pub fn letter(self) -> char {
        match self {
            Self::Correct => 'c',
            Self::Wrong => 'w',
            Self::Unparsed => 'u',
        }
    }

    /// The grade of a journal's letter.
    pub fn from_letter(letter: char) -> Option<Self> {
        [Self::Correct, Self::Wrong, Self::Unparsed]
            .into_iter()
            .find(|grade| grade.letter() == letter)
    }

    /// The word that tables use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Wrong => "wrong",
            Self::Unparsed => "unparsed",
        }
    }
}

/// A grader as an organism file names it. Several threads may share one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grader {
    /// The same text, except for spaces around it.
    Exact,
    /// By the last number, as in GSM8K.
    Number,
    /// The last boxed answer, as in MATH, by its meaning.
    Math,
    /// What a pattern finds in the answer.
    Regex(Pattern),
    /// A program of the user's.
    Program(Program),
}

impl Grader {
    /// The grader of this name, among those that have no settings.
    pub fn named(name: &str) -> Option<Self> {
        let known = [Self::Exact, Self::Number, Self::Math];
        known.into_iter().find(|grader| grader.name() == name)
    }

    /// Its name in an organism file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Number => "number",
            Self::Math => "math",
            Self::Regex(_) => "regex",
            Self::Program(_) => "program",
        }
    }

    /// Records the digests of the files that the user's program is made of.
    ///
    /// # Errors
    /// Where one can't be read, or has another digest than the organism file says.
    pub fn record_digests(&mut self) -> Result<()> {
        match self {
            Self::Program(program) => program.record_digests(),
            _ => Ok(()),
        }
    }

    /// Grades an answer. One from which nothing can be read is unparsed, not wrong.
    ///
    /// # Errors
    /// Where the expected answer can't be read, or the user's program fails.
    pub fn grade(&self, expected: &str, given: &str) -> Result<Grade> {
        let grade = match self {
            Self::Exact => Ok(exact::grade(expected, given)),
            Self::Number => number::grade(expected, given),
            Self::Math => math::grade(expected, given),
            Self::Regex(pattern) => Ok(pattern.grade(expected, given)),
            Self::Program(program) => program.grade(expected, given),
        };
        grade.map_err(|problem| Error::Grader {
            name: self.name(),
            problem,
        })
    }
}

/// An answer on one line, cut off where it is long.
pub fn shown(answer: &str) -> String {
    let line = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct File {
        grader: Grader,
    }

    #[test]
    fn a_file_names_its_grader() {
        for name in ["exact", "number", "math"] {
            let file: File = toml::from_str(&format!("grader = \"{name}\"")).unwrap();
            assert_eq!(Some(file.grader), Grader::named(name));
        }
        for text in [
            "grader = { regex = { pattern = 'answer: (\\d+)' } }",
            "grader = { program = { command = [\"python3\", \"g.py\"], seconds = 2.5 } }",
        ] {
            let file: File = toml::from_str(text).unwrap();
            let again: File = toml::from_str(&toml::to_string(&file).unwrap()).unwrap();
            assert_eq!(file, again);
        }
    }

    #[test]
    fn what_a_file_gets_wrong_is_told() {
        let path = std::path::Path::new("o.toml");
        for (text, told) in [
            (
                "grader = \"maths\"",
                "unknown key `maths`; did you mean `math`?",
            ),
            (
                "grader = { regex = { pattern = 'a(b' } }",
                "no regular expression: unclosed group",
            ),
            (
                "grader = { regex = { pattern = 'ab' } }",
                "pattern `ab` needs a group for the answer, as in `answer: (\\d+)`",
            ),
            (
                "grader = { regex = { patern = 'a(b)' } }",
                "unknown key `patern`; did you mean `pattern`?",
            ),
            (
                "grader = { program = { command = [] } }",
                "command: expected a program and its arguments, got none",
            ),
            (
                "grader = { program = { command = [\"a\"], seconds = 0 } }",
                "seconds: expected above 0 and up to 3600, got 0",
            ),
        ] {
            let error = picklock_files::toml_file::parse::<File>(path, text).unwrap_err();
            let error = error.to_string();
            assert!(error.starts_with("o.toml:1:"), "{error}");
            assert!(error.ends_with(&format!(": {told}")), "{error}");
        }
    }
}
