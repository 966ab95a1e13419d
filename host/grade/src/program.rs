//! The grader that asks a program of the user's: a line of JSON for each answer, a line back.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use picklock_files::Key;
use picklock_message::Error;
use picklock_process::{LineChild, NoLine};
use serde::{Deserialize, Serialize};

use crate::{Grade, shown};

/// After so many failures in a row the program isn't asked again.
const MOST_FAILURES: u32 = 3;

/// A program that grades. It reads lines `{"id": 1, "expected": "...", "given": "..."}` from its
/// standard input, and answers each with a line `{"id": 1, "grade": "correct"}` (or `wrong`, or
/// `unparsed`). One process answers for all threads, one after the other; it is started when first
/// needed, and again after it has failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Settings", into = "Settings")]
pub struct Program {
    settings: Settings,
    state: Arc<Mutex<State>>,
}

/// A program as an organism file describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Settings {
    /// The program and its arguments.
    command: Vec<String>,
    /// How long an answer may take.
    #[serde(default = "ten")]
    seconds: f64,
    /// SHA-256 of the files that the command names, by the words that name them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    sha256: BTreeMap<String, Key>,
}

fn ten() -> f64 {
    10.0
}

#[derive(Debug, Default)]
struct State {
    process: Option<LineChild>,
    asked: u64,
    /// Failures in a row, and what the last one was.
    failures: u32,
    last_failure: String,
}

/// A line to the program.
#[derive(Serialize)]
struct Question<'a> {
    id: u64,
    expected: &'a str,
    given: &'a str,
}

/// A line from the program.
#[derive(Deserialize)]
struct Reply {
    id: u64,
    grade: Grade,
}

impl TryFrom<Settings> for Program {
    type Error = String;

    fn try_from(settings: Settings) -> Result<Self, String> {
        if settings.command.first().is_none_or(String::is_empty) {
            return Err("command: expected a program and its arguments, got none".into());
        }
        let seconds = settings.seconds;
        if !(seconds > 0.0 && seconds <= 3600.0) {
            return Err(format!(
                "seconds: expected above 0 and up to 3600, got {seconds}"
            ));
        }
        Ok(Self {
            settings,
            state: Arc::default(),
        })
    }
}

impl From<Program> for Settings {
    fn from(program: Program) -> Self {
        program.settings
    }
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
    }
}

impl Program {
    /// Records the digests of the files that the command names.
    ///
    /// # Errors
    /// Where one can't be read, or has another digest than the organism file says.
    pub fn record_digests(&mut self) -> Result<(), Error> {
        for word in &self.settings.command {
            let file = Path::new(word);
            if !file.is_file() {
                continue;
            }
            let found = digest(file)?;
            let expected = self.settings.sha256.entry(word.clone());
            let expected = expected.or_insert_with(|| found.clone());
            if *expected != found {
                return Err(Error::file(file, changed(&found, expected)));
            }
        }
        Ok(())
    }

    /// Grades an answer. One that a process fails at is given to a new one, once.
    ///
    /// # Errors
    /// Where the program can't be started, takes too long, dies, or doesn't answer with a grade. The
    /// next answer gets a new process, until several have failed one after the other.
    pub fn grade(&self, expected: &str, given: &str) -> Result<Grade, String> {
        let name = self.name();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failures == MOST_FAILURES {
            let last = &state.last_failure;
            return Err(format!(
                "{name}: not asked again after {MOST_FAILURES} failures in a row, the last: {last}"
            ));
        }
        state.asked += 1;
        let id = state.asked;
        let question = Question {
            id,
            expected,
            given,
        };
        let answer = self.ask(&mut state.process, &question).or_else(|problem| {
            tracing::warn!("grader {name}: {problem}; asked once more");
            state.process = None;
            self.ask(&mut state.process, &question)
        });
        state.failures = answer.as_ref().map_or(state.failures + 1, |_| 0);
        answer.map_err(|problem| {
            state.process = None;
            state.last_failure.clone_from(&problem);
            format!("{name}: {problem}")
        })
    }

    /// What messages call it: the command up to its first file, as in `python3 g.py`.
    fn name(&self) -> String {
        let command = &self.settings.command;
        let is_file = |word: &String| self.settings.sha256.contains_key(word);
        command[..=command.iter().position(is_file).unwrap_or(0)].join(" ")
    }

    /// Refuses files that have changed.
    fn check_files(&self) -> Result<(), String> {
        for (word, expected) in &self.settings.sha256 {
            let found = digest(Path::new(word)).map_err(|error| error.to_string())?;
            if *expected != found {
                return Err(format!("{word} {}", changed(&found, expected)));
            }
        }
        Ok(())
    }

    fn ask(&self, process: &mut Option<LineChild>, question: &Question) -> Result<Grade, String> {
        let line = serde_json::to_string(question).map_err(|error| error.to_string())?;
        let process = if let Some(process) = process {
            process
        } else {
            self.check_files()?;
            let command = &self.settings.command;
            let mut command_line = Command::new(&command[0]);
            process.insert(LineChild::start(command_line.args(&command[1..]))?)
        };
        let seconds = self.settings.seconds;
        match process.exchange(line, Duration::from_secs_f64(seconds)) {
            Ok(answer) => read(&answer, question.id),
            Err(NoLine::TimedOut) => Err(format!("no answer within {seconds} seconds")),
            Err(NoLine::Ended(how)) => Err(how),
        }
    }
}

/// SHA-256 of a file.
fn digest(file: &Path) -> Result<Key, Error> {
    let bytes = std::fs::read(file).map_err(Error::io(file, "read"))?;
    Ok(Key::of_bytes(&bytes))
}

/// What is wrong with a file of another digest.
fn changed(found: &Key, expected: &Key) -> String {
    format!("is not the file that the organism means: SHA-256 {found}, expected {expected}")
}

/// The grade on a line, which must answer question `id`.
fn read(line: &str, id: u64) -> Result<Grade, String> {
    let got = match serde_json::from_str(line) {
        Ok(Reply {
            id: answered,
            grade,
        }) if answered == id => return Ok(grade),
        Ok(Reply { id: answered, .. }) => format!("an answer to {answered}"),
        Err(_) => format!("`{}`", shown(line)),
    };
    Err(format!(
        "expected {{\"id\": {id}, \"grade\": \"correct\" | \"wrong\" | \"unparsed\"}}, got {got}"
    ))
}

#[cfg(test)]
mod tests;
