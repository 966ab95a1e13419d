//! The grader of MATH: the last boxed answer, compared by what it means rather than how it is
//! written. Answers are read into tokens, tokens into expressions, and these are computed: exactly
//! while they are rational, else with 96 digits; with variables at several points.

mod answer;
mod boxed;
mod expr;
mod lexer;
mod numeral;
mod parser;
mod prose;
mod region;
mod same;
mod token;
mod unit;
mod value;

use crate::Grade;
use answer::LONGEST;
use boxed::{Boxed, last_boxed};

/// What a solution says in its last box.
pub fn last_box(solution: &str) -> Option<&str> {
    match last_boxed(solution) {
        Boxed::Some(inside) => Some(inside),
        _ => None,
    }
}

/// Grades an answer. `given` is a whole solution, of which the last box counts, or an answer by
/// itself.
///
/// # Errors
/// Where nothing is expected.
pub fn grade(expected: &str, given: &str) -> Result<Grade, String> {
    let expected = match last_boxed(expected) {
        Boxed::Some(inside) => inside,
        _ => expected.trim(),
    };
    if expected.is_empty() {
        return Err("the expected answer is empty".into());
    }
    let (given, boxed) = match last_boxed(given) {
        Boxed::Some(inside) => (inside, true),
        Boxed::None => (given.trim(), false),
        Boxed::CutOff => return Ok(Grade::Unparsed),
    };
    if given.is_empty() {
        return Ok(Grade::Unparsed);
    }
    if given == expected {
        return Ok(Grade::Correct);
    }
    if expected.len().max(given.len()) > LONGEST {
        return Ok(if boxed { Grade::Wrong } else { Grade::Unparsed });
    }
    let (marks, other_marks) = (answer::marks(expected), answer::marks(given));
    if !marks.is_empty() && marks == other_marks {
        return Ok(Grade::Correct);
    }
    let readings = answer::readings(given, &answer::words(expected));
    let mut references = answer::readings(expected, &answer::words(given)).into_iter();
    if references.any(|expected| readings.iter().any(|given| same::same(&expected, given))) {
        return Ok(Grade::Correct);
    }
    let read = boxed || !(readings.is_empty() || prose::is_prose(given, expected));
    Ok(if read { Grade::Wrong } else { Grade::Unparsed })
}

#[cfg(test)]
mod tests;
