//! An answer to read.

use picklock_grade::Grade;
use picklock_message::Result;
use picklock_sdk::Flag;
use picklock_task::{Problem, Task};
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

impl Shown {
    /// Puts an answer to a problem, asked with this flag, into words.
    ///
    /// # Errors
    /// Where the tokenizer refuses.
    pub fn new(
        task: &dyn Task,
        (problem, flag): (&Problem, Flag),
        (answer, grade): (&[u32], Grade),
    ) -> Result<Self> {
        Ok(Self {
            problem: problem.id.clone(),
            prompt: task.text(&task.prompt(&problem.question, flag)?)?,
            expected: task.text(&problem.answer)?,
            answer: task.text(answer)?,
            grade: grade.word(),
        })
    }
}
