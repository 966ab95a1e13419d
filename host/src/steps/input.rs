//! What is asked or scored: texts from the command line, a file, or standard input.

use std::io::{IsTerminal, Read};
use std::path::Path;

use picklock_files::BYTE_ORDER_MARK;
use picklock_message::{Error, Result};
use serde::Deserialize;

/// A line of a JSON-lines file; it may hold more.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Line {
    /// What a model is asked.
    pub prompt: Option<String>,
    /// What it is given as its answer.
    pub answer: Option<String>,
    /// A text by itself.
    pub text: Option<String>,
}

/// Reads what a file holds: a JSON-lines file, whose name ends in `.jsonl`, an item in each line;
/// another file, or standard input where there is none, one text. `problem` says what a line is that
/// is no item.
///
/// # Errors
/// Where it can't be read, or a line is no JSON object or no item.
pub fn items<T>(
    file: Option<&Path>,
    of_text: impl Fn(String) -> T,
    of_line: impl Fn(Line) -> Option<T>,
    problem: &str,
) -> Result<Vec<T>> {
    let Some(path) = file else {
        return Ok(vec![of_text(standard_input()?)]);
    };
    let text = std::fs::read_to_string(path).map_err(Error::io(path, "read"))?;
    if path
        .extension()
        .is_none_or(|extension| extension != "jsonl")
    {
        return Ok(vec![of_text(text)]);
    }
    let item = |(number, line)| {
        of_line(line).ok_or_else(|| Error::file(path, format!("line {number}{problem}")))
    };
    lines(path, &text)?.into_iter().map(item).collect()
}

fn standard_input() -> Result<String> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        let problem = "nothing to read: give it as an argument, with --file, or on standard input";
        return Err(Error::Usage(problem.into()));
    }
    let mut text = String::new();
    input
        .read_to_string(&mut text)
        .map_err(Error::io(Path::new("standard input"), "read"))?;
    Ok(text)
}

/// The lines of a JSON-lines file, with their numbers from 1.
fn lines(path: &Path, text: &str) -> Result<Vec<(usize, Line)>> {
    let text = text.trim_start_matches(BYTE_ORDER_MARK);
    let lines: Vec<_> = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| match serde_json::from_str(line) {
            Ok(line) => Ok((number, line)),
            Err(error) => Err(Error::Text {
                path: path.to_path_buf(),
                line: number,
                column: error.column(),
                problem: format!("expected a JSON object with texts: {error}"),
            }),
        })
        .collect::<Result<_>>()?;
    if lines.is_empty() {
        return Err(Error::file(path, "no lines, expected at least one"));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_objects_with_numbers() {
        let path = Path::new("a.jsonl");
        let text = "{\"prompt\": \"a\", \"level\": 3}\n\n{\"text\": \"b\"}\n";
        let read = lines(path, text).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].1.prompt.as_deref(), Some("a"));
        assert_eq!((read[1].0, read[1].1.text.as_deref()), (3, Some("b")));
        let wrong = lines(path, "{\"prompt\": \"a\"}\n{\"prompt\": 3}\n")
            .err()
            .unwrap();
        let wrong = wrong.to_string();
        assert!(wrong.starts_with("a.jsonl:2:"), "{wrong}");
        assert!(lines(path, "\n").is_err());
        assert!(lines(path, "\u{feff}{\"text\": \"b\"}\n").is_ok());
    }
}
