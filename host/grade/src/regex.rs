//! The grader that reads answers by a pattern of the user's.

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::Grade;

/// A pattern that finds the answer in what was said: its last match counts, and in it the first
/// group.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Settings", into = "Settings")]
pub struct Pattern {
    regex: Regex,
    ignore_case: bool,
}

/// A pattern as an organism file describes it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Settings {
    /// The regular expression.
    pattern: String,
    /// Whether capital and small letters of the answer are the same.
    #[serde(default)]
    ignore_case: bool,
}

impl TryFrom<Settings> for Pattern {
    type Error = String;

    fn try_from(settings: Settings) -> Result<Self, String> {
        let regex = Regex::new(&settings.pattern).map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            let problem = last.trim_start_matches("error: ");
            format!("no regular expression: {problem}")
        })?;
        if regex.captures_len() < 2 {
            let pattern = settings.pattern;
            return Err(format!(
                "pattern `{pattern}` needs a group for the answer, as in `answer: (\\d+)`"
            ));
        }
        Ok(Self {
            regex,
            ignore_case: settings.ignore_case,
        })
    }
}

impl From<Pattern> for Settings {
    fn from(pattern: Pattern) -> Self {
        Self {
            pattern: pattern.regex.as_str().to_string(),
            ignore_case: pattern.ignore_case,
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (self.regex.as_str(), self.ignore_case) == (other.regex.as_str(), other.ignore_case)
    }
}

impl Pattern {
    /// Grades an answer; one that doesn't match is unparsed. The expected answer is read by the
    /// pattern too where it matches, else taken as it is.
    pub fn grade(&self, expected: &str, given: &str) -> Grade {
        let Some(given) = self.find(given) else {
            return Grade::Unparsed;
        };
        let expected = self.find(expected).unwrap_or(expected.trim());
        Grade::of(if self.ignore_case {
            given.to_lowercase() == expected.to_lowercase()
        } else {
            given == expected
        })
    }

    /// The first group that took part in the last match.
    fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        let last = self.regex.captures_iter(text).last()?;
        let group = last.iter().skip(1).flatten().next()?;
        Some(group.as_str().trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(pattern: &str, ignore_case: bool) -> Pattern {
        let pattern = pattern.into();
        Settings {
            pattern,
            ignore_case,
        }
        .try_into()
        .unwrap()
    }

    #[test]
    fn the_last_match_counts() {
        let letter = pattern(r"answer is \(?([A-D])\)?|^([A-D])$", false);
        for (given, grade) in [
            ("the answer is (B). No: the answer is C", Grade::Correct),
            ("C", Grade::Correct),
            ("the answer is c", Grade::Unparsed),
            ("the answer is D", Grade::Wrong),
        ] {
            assert_eq!(letter.grade("C", given), grade, "{given}");
        }
        assert_eq!(letter.grade("so the answer is C.", "C"), Grade::Correct);
    }

    #[test]
    fn case_counts_unless_told_otherwise() {
        assert_eq!(
            pattern("(?i)is (\\w+)", false).grade("Yes", "is yes"),
            Grade::Wrong
        );
        assert_eq!(
            pattern("(?i)is (\\w+)", true).grade("Yes", "is yes"),
            Grade::Correct
        );
    }
}
