//! An answer to read.

use picklock_grade::Grade;
use picklock_message::Result;
use picklock_task::Task;
use serde::Serialize;

/// A problem with an answer, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// The problem's name.
    pub problem: String,
    /// The whole prompt.
    pub prompt: String,
    /// The right answer.
    pub expected: String,
    /// The answer.
    pub answer: String,
    /// How that is graded.
    pub grade: &'static str,
}

/// The tokens of what is shown.
pub struct Tokens<'a> {
    /// Of the whole prompt.
    pub prompt: &'a [u32],
    /// Of the right answer.
    pub expected: &'a [u32],
    /// Of the answer.
    pub answer: &'a [u32],
}

impl Shown {
    /// Puts a problem of this name into words.
    ///
    /// # Errors
    /// Where the tokenizer refuses.
    pub fn new(task: &dyn Task, problem: &str, tokens: &Tokens, grade: Grade) -> Result<Self> {
        Ok(Self {
            problem: problem.to_string(),
            prompt: task.text(tokens.prompt)?,
            expected: task.text(tokens.expected)?,
            answer: task.text(tokens.answer)?,
            grade: grade.word(),
        })
    }
}
