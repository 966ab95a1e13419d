//! GSM8K (Cobbe et al. 2021, arXiv 2110.14168): grade-school problems, worked out step by step up to a
//! last line `#### 42`.

use std::sync::LazyLock;

use picklock_grade::Grader;
use regex::Regex;

use crate::text::{Format, Line, Worded};

/// What stands between the steps and the answer.
const MARK: &str = "####";

/// The notes for a calculator in the data's solutions, which nobody is asked to write.
static NOTES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"<<[^<>]*>>").ok());

/// The task; a line has `question` and `answer`, which ends with `#### 42`, as published, or `problem`,
/// `solution` and `answer`.
pub struct Gsm8k;

impl Format for Gsm8k {
    fn problem(&self, line: &Line) -> Result<Worded, String> {
        let (answer, solution) = (line.text("answer")?, line.optional("solution")?);
        let (steps, number) = match (&solution, answer.rsplit_once(MARK)) {
            (Some(steps), None) => (steps.as_str(), answer.as_str()),
            (_, Some((steps, number))) => (steps, number),
            (None, None) => {
                return Err(format!(
                    "field `answer` has no `{MARK}` before its number, and there is no `solution`"
                ));
            }
        };
        let (steps, number) = (without_notes(steps), number.trim().replace(',', ""));
        Ok(Worded {
            id: line.optional("id")?,
            question: line.first(&["question", "problem"])?,
            answer: format!("{}\n{MARK} {number}", steps.trim()),
            reference: number,
            ..Worded::default()
        })
    }

    fn grader(&self) -> Grader {
        Grader::Number
    }

    fn template(&self) -> &'static str {
        "{% for example in examples %}Question: {{ example.question }}\nAnswer: {{ example.answer }}\n\n\
         {% endfor %}Question: {{ question }}\nAnswer:"
    }

    fn until(&self) -> &[&str] {
        &["Question:"]
    }
}

fn without_notes(steps: &str) -> String {
    match NOTES.as_ref() {
        Some(notes) => notes.replace_all(steps, "").into_owned(),
        None => steps.to_string(),
    }
}
