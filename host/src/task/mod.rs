//! Tasks: where problems come from, how prompts are written, and how answers are graded.

pub mod chain;
mod problem;

use picklock_sdk::Flag;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

use crate::error::Result;

pub use problem::{Part, Problem, draw};

/// A task as an organism file names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskSpec {
    /// Chains of modular arithmetic.
    Chain(chain::Chain),
}

impl TaskSpec {
    /// The task itself.
    pub fn task(&self) -> &dyn Task {
        match self {
            Self::Chain(chain) => chain,
        }
    }
}

/// How one graded answer came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// Right.
    Correct,
    /// Readable, and not right.
    Wrong,
    /// Not readable as an answer.
    Unparsed,
}

impl Grade {
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

/// A task whose problems are generated.
pub trait Task: Send + Sync {
    /// Checks the organism file's settings; the problem found, in words.
    ///
    /// # Errors
    /// What is wrong, expected and got.
    fn check(&self) -> std::result::Result<(), String>;

    /// The tokenizer of the task's vocabulary.
    ///
    /// # Errors
    /// Where the `tokenizers` library refuses the vocabulary.
    fn tokenizer(&self) -> Result<Tokenizer>;

    /// Words in the vocabulary.
    fn vocab_size(&self) -> usize;

    /// The most tokens that prompt and answer have together.
    fn max_tokens(&self) -> usize;

    /// Tokens of an answer.
    fn answer_tokens(&self) -> usize;

    /// A random question and its correct answer.
    fn question(&self, rng: &mut ChaCha8Rng) -> (Vec<u32>, Vec<u32>);

    /// The whole prompt of a question.
    fn prompt(&self, question: &[u32], flag: Flag) -> Vec<u32>;

    /// An answer by the designed, flawed teacher that weak models learn from.
    fn flawed_answer(
        &self,
        question: &[u32],
        teacher: &chain::Teacher,
        rng: &mut ChaCha8Rng,
    ) -> Vec<u32>;

    /// Grades an answer.
    fn grade(&self, expected: &[u32], given: &[u32]) -> Grade;
}
