//! Files of pairs of answers, by which graders are judged: a JSON object on each line, with what was
//! answered (`candidate`), what is right (`reference`) and whether the two are the same (`expected`).

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use picklock_files::BYTE_ORDER_MARK;
use picklock_message::{Error, Result};
use serde::Deserialize;

use crate::Grade;

/// A pair of answers.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// The answer to be graded.
    pub candidate: String,
    /// The right answer.
    pub reference: String,
    /// Whether the candidate is right, as a person sees it; without it, or where it is a matter of
    /// convention (null), the pair isn't counted.
    #[serde(default)]
    pub expected: Option<bool>,
}

/// Reads a file of cases, each with the number of its line; empty lines are left out.
///
/// # Errors
/// Where the file can't be read or holds no cases, or a line is none.
pub fn read(path: &Path) -> Result<Vec<(usize, Case)>> {
    let file = File::open(path).map_err(Error::io(path, "read"))?;
    let mut cases = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(Error::io(path, "read"))?;
        let line = line.trim_start_matches(BYTE_ORDER_MARK);
        if line.trim().is_empty() {
            continue;
        }
        let case = serde_json::from_str(line).map_err(|error| Error::Text {
            path: path.to_path_buf(),
            line: index + 1,
            column: error.column().max(1),
            problem: problem(&error),
        })?;
        cases.push((index + 1, case));
    }
    if cases.is_empty() {
        let problem = "no cases; expected lines such as {\"candidate\": \"0.5\", \
                       \"reference\": \"1/2\", \"expected\": true}";
        return Err(Error::file(path, problem));
    }
    Ok(cases)
}

/// What is wrong with a line, without the place that serde adds.
fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    format!(
        "{}; expected a JSON object with candidate, reference and expected",
        &text[..end]
    )
}

/// How a grader's verdict stands to what a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// They say the same.
    Agreed,
    /// The grader doesn't see that the answer is right.
    TrueMissed,
    /// The grader takes a wrong answer for right.
    FalseAccepted,
    /// The grader failed.
    NotGraded,
    /// Nobody says what is right.
    NotCounted,
}

impl Agreement {
    /// Compares the verdict on a case; none is that of a grader that failed.
    pub fn of(case: &Case, grade: Option<Grade>) -> Self {
        match (case.expected, grade.map(|grade| grade == Grade::Correct)) {
            (None, _) => Self::NotCounted,
            (Some(_), None) => Self::NotGraded,
            (Some(true), Some(false)) => Self::TrueMissed,
            (Some(false), Some(true)) => Self::FalseAccepted,
            (Some(false), Some(false)) | (Some(true), Some(true)) => Self::Agreed,
        }
    }

    /// The words that tables use.
    pub fn words(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::TrueMissed => "true missed",
            Self::FalseAccepted => "false accepted",
            Self::NotGraded => "not graded",
            Self::NotCounted => "not counted",
        }
    }
}

/// How often a grader agreed.
#[derive(Debug, Default)]
pub struct Tally {
    /// Cases of which a person says what is right.
    pub counted: usize,
    /// Right answers that it missed.
    pub true_missed: usize,
    /// Wrong answers that it accepted.
    pub false_accepted: usize,
    /// Answers that it failed at.
    pub not_graded: usize,
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, agreement: Agreement) {
        self.counted += usize::from(agreement != Agreement::NotCounted);
        self.true_missed += usize::from(agreement == Agreement::TrueMissed);
        self.false_accepted += usize::from(agreement == Agreement::FalseAccepted);
        self.not_graded += usize::from(agreement == Agreement::NotGraded);
    }

    /// Cases in which it agreed.
    pub fn agreed(&self) -> usize {
        self.counted - self.true_missed - self.false_accepted - self.not_graded
    }
}
