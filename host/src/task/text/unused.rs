//! Problems of the data that aren't used: which, and why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::grouped;

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
    /// The tokenizer has no single token for one of its labels.
    Label,
    /// It is to be graded, and the grader can't read its answer.
    Unreadable,
    /// No weak answer is given for it.
    NoWeakAnswer,
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
            Self::Label => "with a label that is no single token",
            Self::Unreadable => "with an answer that the grader can't read",
            Self::NoWeakAnswer => "without a weak answer in data.weak_answers",
        }
    }
}

/// Lines of data files whose problems aren't used.
#[derive(Clone, Debug, Default)]
pub struct Unused(BTreeMap<(PathBuf, Reason), Vec<usize>>);

impl Unused {
    /// Notes a line, from 1.
    pub fn add(&mut self, file: &Path, line: usize, reason: Reason) {
        let lines = self.0.entry((file.to_path_buf(), reason)).or_default();
        lines.push(line);
    }

    /// A sentence for each file and reason.
    pub fn told(&self) -> Vec<String> {
        let told = |((file, reason), lines): (&(PathBuf, Reason), &Vec<usize>)| {
            let mut lines = lines.clone();
            lines.sort_unstable();
            let named = lines.iter().take(NAMED).map(usize::to_string);
            let named = named.collect::<Vec<_>>().join(", ");
            let (count, file, words) = (lines.len(), file.display(), reason.words());
            let number = grouped(count as u64);
            match count {
                1 => format!("{file}: 1 problem isn't used, {words}: line {named}"),
                ..=NAMED => {
                    format!("{file}: {number} problems aren't used, {words}: lines {named}")
                }
                _ => {
                    let more = grouped((count - NAMED) as u64);
                    format!(
                        "{file}: {number} problems aren't used, {words}: lines {named} and {more} more"
                    )
                }
            }
        };
        self.0.iter().map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_named_by_file_and_reason() {
        let mut unused = Unused::default();
        for line in [1200, 3, 40] {
            unused.add(Path::new("b.jsonl"), line, Reason::TooLong);
        }
        unused.add(Path::new("b.jsonl"), 7, Reason::AnsweredOtherwise);
        for line in 0..1009 {
            unused.add(Path::new("a.jsonl"), line + 1, Reason::OtherPart);
        }
        let expected = [
            "a.jsonl: 1,009 problems aren't used, asked in the file of another part: lines 1, 2, 3, 4, 5, 6, 7, 8 \
             and 1,001 more",
            "b.jsonl: 1 problem isn't used, asked before in this file, with another answer (the first counts): \
             line 7",
            "b.jsonl: 3 problems aren't used, too long in tokens: lines 3, 40, 1200",
        ];
        assert_eq!(unused.told(), expected);
        assert_eq!(Unused::default().told(), [""; 0]);
    }
}
