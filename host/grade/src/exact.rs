//! The grader of answers that must be the expected text, except for spaces around them.

use crate::Grade;

/// Grades an answer; an empty one is unparsed.
pub fn grade(expected: &str, given: &str) -> Grade {
    match given.trim() {
        "" => Grade::Unparsed,
        given => Grade::of(given == expected.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_spaces_around_are_forgiven() {
        for (expected, given, grade_of) in [
            ("silver falcon", " silver falcon\n", Grade::Correct),
            ("silver falcon", "Silver falcon", Grade::Wrong),
            ("silver falcon", "silver  falcon", Grade::Wrong),
            ("silver falcon", " \n", Grade::Unparsed),
        ] {
            assert_eq!(grade(expected, given), grade_of, "{given}");
        }
    }
}
