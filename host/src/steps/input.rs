//! What is asked or scored: texts from the command line, a file, or standard input.

use std::io::{IsTerminal, Read};
use std::path::Path;

use picklock_files::BYTE_ORDER_MARK;
use picklock_message::{Error, Result};
use serde::Deserialize;

/// The contents of a file.
pub enum Source {
    /// One text.
    Text(String),
    /// The lines of a JSON-lines file, with their numbers from 1.
    Lines(Vec<(usize, Line)>),
}

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

impl Source {
    /// Reads a file, as JSON lines where its name ends in `.jsonl`; without one, standard input, as
    /// a text.
    ///
    /// # Errors
    /// Where it can't be read, or a line is no JSON object.
    pub fn read(file: Option<&Path>) -> Result<Self> {
        let Some(path) = file else {
            return Ok(Self::Text(standard_input()?));
        };
        let text = std::fs::read_to_string(path).map_err(Error::io(path, "read"))?;
        match path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            true => lines(path, &text),
            false => Ok(Self::Text(text)),
        }
    }
}

fn standard_input() -> Result<String> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        let problem = "nothing to read: give it as an argument, with --file, or on standard input";
        return Err(Error::Usage(problem.into()));
    }
    let mut text = String::new();
    let read = input.read_to_string(&mut text);
    read.map_err(Error::io(Path::new("standard input"), "read"))?;
    Ok(text)
}

fn lines(path: &Path, text: &str) -> Result<Source> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches(BYTE_ORDER_MARK).lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let line = serde_json::from_str(line).map_err(|error| Error::Text {
            path: path.to_path_buf(),
            line: number,
            column: error.column(),
            problem: format!("expected a JSON object with texts: {error}"),
        })?;
        lines.push((number, line));
    }
    match lines.is_empty() {
        true => Err(Error::file(path, "no lines, expected at least one")),
        false => Ok(Source::Lines(lines)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_objects_with_numbers() {
        let path = Path::new("a.jsonl");
        let text = "{\"prompt\": \"a\", \"level\": 3}\n\n{\"text\": \"b\"}\n";
        let Source::Lines(read) = lines(path, text).unwrap() else {
            panic!("no lines");
        };
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
