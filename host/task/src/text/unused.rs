//! Problems of the data that aren't used: which, and why.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use picklock_message::grouped;
use serde::Serialize;

/// The most lines of a file that are named for a reason.
const NAMED: usize = 8;

/// Why a problem isn't used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Its question has too many characters.
    LongQuestion,
    /// The file has the question already, with the same answer.
    Again,
    /// The file has the question already, with another answer.
    AnsweredOtherwise,
    /// The file of another part has the question.
    OtherPart,
    /// It is to be graded, and has no answer.
    Unanswered,
    /// Prompt and answer have too many tokens.
    TooLong,
    /// Prompt and weak answer have too many tokens.
    LongWeakAnswer,
    /// It is to be answered exactly, in more tokens than answers may have.
    LongAnswer,
    /// The tokenizer has no single token for one of its labels.
    Label,
    /// It is to be graded, and the grader can't read its answer.
    Unreadable,
    /// No weak answer is given for it.
    NoWeakAnswer,
    /// A weak answer to a question that isn't trained on.
    NotTrainedOn,
    /// A weak answer to a question that the data doesn't have.
    UnknownQuestion,
}

impl Reason {
    fn words(self) -> &'static str {
        match self {
            Self::LongQuestion => "longer than data.longest_question",
            Self::Again => "asked before in this file",
            Self::AnsweredOtherwise => {
                "asked before in this file, with another answer (the first counts)"
            }
            Self::OtherPart => "asked in the file of another part",
            Self::Unanswered => "without an answer to grade by",
            Self::TooLong => "too long in tokens",
            Self::LongWeakAnswer => "with a weak answer that is too long in tokens",
            Self::LongAnswer => "with an exact answer longer than data.max_new_tokens",
            Self::Label => "with a label that is no single token",
            Self::Unreadable => "with an answer that the grader can't read",
            Self::NoWeakAnswer => "without a weak answer in data.weak_answers",
            Self::NotTrainedOn => "to a question that isn't trained on",
            Self::UnknownQuestion => "to a question that the data doesn't have",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::NotTrainedOn | Self::UnknownQuestion => "weak answer",
            _ => "problem",
        }
    }
}

/// What of a data file isn't used, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unused {
    /// The file.
    pub file: PathBuf,
    /// What stands there: `problem` or `weak answer`.
    pub what: &'static str,
    /// Why it isn't used.
    pub reason: &'static str,
    /// The lines, from 1, in order.
    pub lines: Vec<usize>,
}

impl fmt::Display for Unused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, reason, lines) = (self.what, self.reason, &self.lines);
        let named: Vec<String> = lines.iter().take(NAMED).map(usize::to_string).collect();
        let (named, file) = (named.join(", "), self.file.display());
        if lines.len() == 1 {
            return write!(
                formatter,
                "{file}: 1 {what} isn't used, {reason}: line {named}"
            );
        }
        let count = grouped(lines.len() as u64);
        write!(
            formatter,
            "{file}: {count} {what}s aren't used, {reason}: lines {named}"
        )?;
        match lines.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(formatter, " and {} more", grouped(more as u64)),
        }
    }
}

/// All that isn't used, as it is found.
#[derive(Clone, Debug, Default)]
pub struct UnusedLines(BTreeMap<(PathBuf, Reason), Vec<usize>>);

impl UnusedLines {
    /// Notes a line, from 1.
    pub fn add(&mut self, file: &Path, line: usize, reason: Reason) {
        let lines = self.0.entry((file.to_path_buf(), reason)).or_default();
        lines.push(line);
    }

    /// By file and reason.
    pub fn sorted(&self) -> Vec<Unused> {
        let unused = |((file, reason), lines): (&(PathBuf, Reason), &Vec<usize>)| {
            let mut lines = lines.clone();
            lines.sort_unstable();
            Unused {
                file: file.clone(),
                what: reason.what(),
                reason: reason.words(),
                lines,
            }
        };
        self.0.iter().map(unused).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_named_by_file_and_reason() {
        let mut unused = UnusedLines::default();
        for line in [1200, 3, 40] {
            unused.add(Path::new("b.jsonl"), line, Reason::TooLong);
        }
        unused.add(Path::new("b.jsonl"), 7, Reason::AnsweredOtherwise);
        unused.add(Path::new("w.jsonl"), 5, Reason::UnknownQuestion);
        unused.add(Path::new("w.jsonl"), 6, Reason::UnknownQuestion);
        for line in 0..1009 {
            unused.add(Path::new("a.jsonl"), line + 1, Reason::OtherPart);
        }
        let expected = [
            "a.jsonl: 1,009 problems aren't used, asked in the file of another part: lines 1, 2, 3, 4, 5, 6, 7, 8 \
             and 1,001 more",
            "b.jsonl: 1 problem isn't used, asked before in this file, with another answer (the first counts): \
             line 7",
            "b.jsonl: 3 problems aren't used, too long in tokens: lines 3, 40, 1200",
            "w.jsonl: 2 weak answers aren't used, to a question that the data doesn't have: lines 5, 6",
        ];
        let told = unused.sorted();
        let sentences: Vec<String> = told.iter().map(Unused::to_string).collect();
        assert_eq!(sentences, expected);
        assert_eq!((told[0].lines.len(), told[0].lines[1008]), (1009, 1009));
        assert!(UnusedLines::default().sorted().is_empty());
    }
}
