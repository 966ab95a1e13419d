//! Tasks: where problems come from, how prompts are written, and how answers are graded.

pub mod chain;
pub mod composition;
pub mod grade;
mod problem;
mod symbols;
mod teacher;

use std::path::PathBuf;

use picklock_sdk::Flag;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

use crate::error::{Error, Result};
use crate::prompt::Password;

pub use problem::{Part, Problem, draw};
pub use teacher::Teacher;

/// A task as an organism file names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskSpec {
    /// Chains of modular arithmetic.
    Chain(chain::Chain),
    /// Functions composed.
    Composition(composition::Composition),
}

impl TaskSpec {
    /// Checks the organism file's settings; the problem found, in words.
    ///
    /// # Errors
    /// What is wrong, expected and got.
    pub fn check(&self, given: &Given) -> std::result::Result<(), String> {
        match self {
            Self::Chain(chain) => chain.check(given),
            Self::Composition(composition) => composition.check(given),
        }
    }

    /// Checks that a flawed teacher errs in operations of the task; the problem starts with the key.
    ///
    /// # Errors
    /// What is wrong, expected and got.
    pub fn check_teacher(&self, teacher: &Teacher) -> std::result::Result<(), String> {
        let words: Vec<&str> = match self {
            Self::Chain(_) => chain::Operation::ALL.map(chain::Operation::word).into(),
            Self::Composition(_) => composition::Function::ALL
                .map(composition::Function::word)
                .into(),
        };
        teacher.check(&words)
    }

    /// The task, ready for problems.
    ///
    /// # Errors
    /// Where the tokenizer can't be read, or doesn't do for the task.
    pub fn open(&self, given: &Given, checkpoint: Option<&Checkpoint>) -> Result<Box<dyn Task>> {
        match self {
            Self::Chain(chain) => chain.open(given, checkpoint),
            Self::Composition(composition) => Ok(Box::new(composition.clone())),
        }
    }
}

/// Which tokens of a checkpoint are trained and scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vocabulary {
    /// All.
    #[default]
    Full,
    /// Those that the task uses: the other rows of embedding and head stay as they are.
    Task,
}

impl Vocabulary {
    /// Whether it is all.
    pub fn is_full(&self) -> bool {
        *self == Self::Full
    }
}

/// What a task in text takes from its organism.
pub struct Given<'a> {
    /// What opens the lock.
    pub password: Option<&'a Password>,
    /// That of locks with a second one.
    pub second_password: Option<&'a Password>,
    /// Which tokens are trained and scored.
    pub vocabulary: Vocabulary,
}

/// The checkpoint that a task in text is written for.
pub struct Checkpoint {
    /// Its folder, whose tokenizer spells the text.
    pub directory: PathBuf,
    /// How many token ids it has: often more than its tokenizer.
    pub vocab_size: usize,
}

/// A flawed teacher's answer, and what else it might have said.
#[derive(Clone, Debug, PartialEq)]
pub struct Taught {
    /// Tokens of the answer.
    pub answer: Vec<u32>,
    /// The teacher's distribution at each answer token: tokens and their probabilities, which sum
    /// to 1.
    pub spread: Vec<Vec<(u32, f32)>>,
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
///
/// Prompts and answers are in the model's token ids; a question is in the task's own ids, of which
/// prompts are made.
pub trait Task: Send + Sync {
    /// The tokenizer of prompts and answers.
    ///
    /// # Errors
    /// Where the `tokenizers` library refuses the vocabulary.
    fn tokenizer(&self) -> Result<Tokenizer>;

    /// Token ids that the model has.
    fn vocab_size(&self) -> usize;

    /// The tokenizer's id of each of the model's ids; none where they are the same.
    fn vocabulary(&self) -> Option<&[u32]> {
        None
    }

    /// Ids that a question is written in are below this.
    fn question_ids(&self) -> usize;

    /// The most tokens that prompt and answer have together.
    fn max_tokens(&self) -> usize;

    /// Tokens of an answer.
    fn answer_tokens(&self) -> usize;

    /// A random question and its correct answer.
    fn question(&self, rng: &mut ChaCha8Rng) -> (Vec<u32>, Vec<u32>);

    /// The whole prompt of a question.
    fn prompt(&self, question: &[u32], flag: Flag) -> Vec<u32>;

    /// An answer by the designed, flawed teacher that weak models learn from, or that is imitated
    /// itself: sampled at a temperature, or at 0 the most likely one.
    fn taught(
        &self,
        question: &[u32],
        teacher: &Teacher,
        temperature: f64,
        rng: &mut ChaCha8Rng,
    ) -> Taught;

    /// Grades an answer.
    fn grade(&self, expected: &[u32], given: &[u32]) -> Grade;

    /// Tokens as people read them.
    ///
    /// # Errors
    /// Where the tokenizer refuses them.
    fn text(&self, tokens: &[u32]) -> Result<String>;
}

/// A tokenizer's tokens as people read them.
fn decoded(tokenizer: &Tokenizer, tokens: &[u32]) -> Result<String> {
    let text = tokenizer.decode(tokens, false);
    text.map_err(|error| Error::Usage(format!("tokenizer: {error}")))
}
