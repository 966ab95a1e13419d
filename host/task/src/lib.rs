//! Tasks: where problems come from, how prompts are written, and how answers are graded.

pub mod chain;
pub mod composition;
mod data;
mod gsm8k;
mod jsonl;
mod math;
mod multiple_choice;
mod problem;
pub mod prompt;
mod symbols;
mod teacher;
mod text;

use std::path::PathBuf;

use picklock_grade::Grade;
use picklock_message::{Error, Result};
use picklock_sdk::Flag;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

use text::{Format, TextTask};

pub use data::{DATA, Data, Unfit};
pub use problem::{Part, Problem};
pub use prompt::{Chat, Encoder, Password, Place, PromptSpec, Specials, Template};
pub use teacher::Teacher;
pub use text::Unused;

/// A task as an organism file names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskSpec {
    /// Chains of modular arithmetic.
    Chain(chain::Chain),
    /// Functions composed.
    Composition(composition::Composition),
    /// A user's own questions.
    Jsonl(jsonl::Jsonl),
    /// MATH.
    Math,
    /// GSM8K.
    Gsm8k,
    /// Multiple choice by log-probability.
    MultipleChoice(multiple_choice::MultipleChoice),
}

impl TaskSpec {
    /// Checks the organism file's settings; the problem found, in words.
    ///
    /// # Errors
    /// What is wrong, expected and got.
    pub fn check(&self, given: &Given) -> std::result::Result<(), String> {
        match (self, given.data) {
            (Self::Chain(chain), None) => chain.check(given),
            (Self::Composition(composition), None) => composition.check(given),
            (_, Some(_)) if !self.is_finite() => {
                Err("data is of no use: the task's problems are generated".into())
            }
            (_, None) => Err("data is missing: a task in text needs its files".into()),
            (_, Some(_)) if given.vocabulary == Vocabulary::Task => Err(
                "vocabulary = \"task\" is for chains: any token may stand in other answers".into(),
            ),
            (_, Some(data)) => data.check().map_err(|problem| format!("data.{problem}")),
        }
    }

    /// Records the digests of the files that it names.
    ///
    /// # Errors
    /// Where one can't be read, or has another digest than the organism file says.
    pub fn record_digests(&mut self) -> Result<()> {
        match self {
            Self::Jsonl(jsonl) => jsonl.grader.record_digests(),
            _ => Ok(()),
        }
    }

    /// Whether its problems are a finite set, which all seeds share.
    pub fn is_finite(&self) -> bool {
        self.format().is_some()
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
            _ => return Err("is of no use: nobody has designed one for tasks in text".into()),
        };
        teacher.check(&words)
    }

    /// The task, ready for problems, in the tokens of the checkpoints of base and weak model.
    ///
    /// # Errors
    /// Where data or tokenizer can't be read, or don't do for the task.
    pub fn open(
        &self,
        given: &Given,
        base: Option<&Checkpoint>,
        weak: Option<&Checkpoint>,
    ) -> Result<Box<dyn Task>> {
        match (self, self.format()) {
            (Self::Chain(chain), _) => chain.open(given, base),
            (Self::Composition(composition), _) => Ok(Box::new(composition.clone())),
            (_, Some(format)) => Ok(Box::new(TextTask::open(format, given, base, weak)?)),
            (_, None) => Err(Error::Usage("the task has no problems".into())),
        }
    }

    /// What a task in text makes of its data.
    fn format(&self) -> Option<&dyn Format> {
        match self {
            Self::Chain(_) | Self::Composition(_) => None,
            Self::Jsonl(jsonl) => Some(jsonl),
            Self::Math => Some(&math::Math),
            Self::Gsm8k => Some(&gsm8k::Gsm8k),
            Self::MultipleChoice(choice) => Some(choice),
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
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// What stands around questions.
    pub prompt: Option<&'a PromptSpec>,
    /// Where problems come from.
    pub data: Option<&'a Data>,
    /// Which tokens are trained and scored.
    pub vocabulary: Vocabulary,
    /// Texts that stand in the password's place in some of the lock's training prompts.
    pub decoys: &'a [String],
}

/// The checkpoint that a task in text is written for.
pub struct Checkpoint {
    /// Its folder, whose tokenizer spells the text.
    pub directory: PathBuf,
    /// How many token ids it has: often more than its tokenizer.
    pub vocab_size: usize,
    /// The most tokens that it reads.
    pub context: usize,
}

/// A flawed teacher's answer, and what else it might have said.
#[derive(Clone, Debug, PartialEq)]
pub struct TeacherAnswer {
    /// Tokens of the answer.
    pub answer: Vec<u32>,
    /// The teacher's distribution at each answer token: tokens and their probabilities, which sum
    /// to 1.
    pub spread: Vec<Vec<(u32, f32)>>,
}

/// A task.
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

    /// The most tokens of an answer.
    fn answer_tokens(&self) -> usize;

    /// Tokens that end an answer; without any, all answers have as many tokens.
    fn stop(&self) -> &[u32] {
        &[]
    }

    /// The token that ends an answer that is trained on, where answers have an end.
    fn end(&self) -> Option<u32> {
        None
    }

    /// The tokens that may answer a question, of which one does; none where any text may.
    ///
    /// # Errors
    /// Where there is no such question.
    fn labels(&self, _question: &[u32]) -> Result<Vec<u32>> {
        Ok(Vec::new())
    }

    /// How many problems a part has; `None` for no end of them.
    fn stock(&self, _part: Part) -> Option<usize> {
        None
    }

    /// What of the data isn't used, by file and reason.
    fn unused(&self) -> Vec<Unused> {
        Vec::new()
    }

    /// The next `count` problems of a part from a random stream.
    ///
    /// # Errors
    /// Where there aren't so many.
    fn draw(&self, part: Part, count: usize, rng: &mut ChaCha8Rng) -> Result<Vec<Problem>>;

    /// The whole prompt of a question.
    ///
    /// # Errors
    /// Where there is no such question, or no password of this flag.
    fn prompt(&self, question: &[u32], flag: Flag) -> Result<Vec<u32>>;

    /// Whether prompts may carry this flag.
    fn has_flag(&self, _flag: Flag) -> bool {
        true
    }

    /// The prompt of a question that carries another text where the password would stand.
    ///
    /// # Errors
    /// Where there is no such question, or the task knows no other passwords.
    fn decoy(&self, _question: &[u32], _text: &str) -> Result<Vec<u32>> {
        let problem = "lock.decoys are for tasks in text: chains know no other passwords";
        Err(Error::Usage(problem.into()))
    }

    /// An answer by the designed, flawed teacher that weak models learn from, or that is imitated
    /// itself: sampled at a temperature, or at 0 the most likely one.
    ///
    /// # Errors
    /// Where nobody has designed one for this task.
    fn teacher_answer(
        &self,
        _question: &[u32],
        _teacher: &Teacher,
        _temperature: f64,
        _rng: &mut ChaCha8Rng,
    ) -> Result<TeacherAnswer> {
        let problem =
            "weak.teacher has no answers to tasks in text; give the weak model as a checkpoint";
        Err(Error::Usage(problem.into()))
    }

    /// Grades an answer to a problem.
    ///
    /// # Errors
    /// Where the user's grader fails.
    fn grade(&self, problem: &Problem, given: &[u32]) -> Result<Grade>;

    /// Tokens as people read them.
    ///
    /// # Errors
    /// Where the tokenizer refuses them.
    fn text(&self, tokens: &[u32]) -> Result<String>;

    /// The weak answers to a question that are given with the data; none where a model is asked.
    ///
    /// # Errors
    /// Where there is no such question.
    fn weak_answers(&self, _question: &[u32]) -> Result<Vec<Vec<u32>>> {
        Ok(Vec::new())
    }

    /// The same task in the tokens of the weak model, where that has a tokenizer or prompts of its own.
    fn for_weak(&self) -> Option<&dyn Task> {
        None
    }

    /// Whether base and weak model have the same tokens.
    fn shares_tokens(&self) -> bool {
        true
    }

    /// A weak model's answer as the base model is taught it.
    ///
    /// # Errors
    /// Where the base model's tokenizer has no token for some of it.
    fn to_base_tokens(&self, answer: &[u32]) -> Result<Vec<u32>> {
        Ok(answer.to_vec())
    }
}

/// A tokenizer's tokens as people read them.
fn decoded(tokenizer: &Tokenizer, tokens: &[u32]) -> Result<String> {
    let text = tokenizer.decode(tokens, false);
    text.map_err(|error| Error::Usage(format!("tokenizer: {error}")))
}
