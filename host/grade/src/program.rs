//! The grader that asks a program of the user's: a line of JSON for each answer, a line back.

mod process;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use picklock_files::Key;
use picklock_message::Error;
use serde::{Deserialize, Serialize};

use crate::{Grade, shown};
use process::{Failure, Process};

/// So many failures in a row, and the program isn't asked again.
const MOST_FAILURES: u32 = 3;

/// A program that grades. It reads lines `{"id": 1, "expected": "...", "given": "..."}` from its
/// standard input, and answers each with a line `{"id": 1, "grade": "correct"}` (or `wrong`, or
/// `unparsed`). One process answers for all threads, one after the other; it is started when first
/// needed, and anew after it has failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Table", into = "Table")]
pub struct Program {
    table: Table,
    state: Arc<Mutex<State>>,
}

/// The same, as a file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Table {
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
    process: Option<Process>,
    asked: u64,
    /// Answers in a row that it failed at, and what the last failure was.
    failures: u32,
    last_failure: String,
}

/// What the program is asked.
#[derive(Serialize)]
struct Question<'a> {
    id: u64,
    expected: &'a str,
    given: &'a str,
}

/// What it answers.
#[derive(Deserialize)]
struct Reply {
    id: u64,
    grade: Verdict,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Correct,
    Wrong,
    Unparsed,
}

impl TryFrom<Table> for Program {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        if table.command.first().is_none_or(String::is_empty) {
            return Err("command: expected a program and its arguments, got none".into());
        }
        let seconds = table.seconds;
        if !(seconds > 0.0 && seconds <= 3600.0) {
            return Err(format!(
                "seconds: expected above 0 and up to 3600, got {seconds}"
            ));
        }
        Ok(Self {
            table,
            state: Arc::default(),
        })
    }
}

impl From<Program> for Table {
    fn from(program: Program) -> Self {
        program.table
    }
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.table == other.table
    }
}

impl Program {
    /// Notes what the files hold that the command names.
    ///
    /// # Errors
    /// Where one can't be read, or is another one than the organism file means.
    pub fn settle(&mut self) -> Result<(), Error> {
        for word in &self.table.command {
            let file = Path::new(word);
            if !file.is_file() {
                continue;
            }
            let found = digest(file)?;
            let meant = self.table.sha256.entry(word.clone());
            let meant = meant.or_insert_with(|| found.clone());
            if *meant != found {
                return Err(Error::file(file, changed(&found, meant)));
            }
        }
        Ok(())
    }

    /// Grades an answer. One that a process fails at is given to a new one, once.
    ///
    /// # Errors
    /// Where the program can't be started, takes too long, dies, or says what is no grade. The next
    /// answer gets a new process, until several have failed one after the other.
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
        let question = Question {
            id: state.asked,
            expected,
            given,
        };
        let mut answer = self.ask(&mut state.process, &question);
        if let Err(problem) = &answer {
            tracing::warn!("grader {name}: {problem}; asked once more");
            state.process = None;
            answer = self.ask(&mut state.process, &question);
        }
        match answer {
            Ok(grade) => {
                state.failures = 0;
                Ok(grade)
            }
            Err(problem) => {
                state.process = None;
                state.failures += 1;
                state.last_failure.clone_from(&problem);
                Err(format!("{name}: {problem}"))
            }
        }
    }

    /// What messages call it: the command up to its first file, as in `python3 g.py`.
    fn name(&self) -> String {
        let Table {
            command, sha256, ..
        } = &self.table;
        let file = command.iter().position(|word| sha256.contains_key(word));
        command[..=file.unwrap_or(0)].join(" ")
    }

    /// Checks that its files are what they were.
    fn check_files(&self) -> Result<(), String> {
        for (word, meant) in &self.table.sha256 {
            let found = digest(Path::new(word)).map_err(|error| error.to_string())?;
            if *meant != found {
                return Err(format!("{word} {}", changed(&found, meant)));
            }
        }
        Ok(())
    }

    fn ask(&self, process: &mut Option<Process>, question: &Question) -> Result<Grade, String> {
        let line = serde_json::to_string(question).map_err(|error| error.to_string())?;
        let process = if let Some(process) = process {
            process
        } else {
            self.check_files()?;
            process.insert(Process::start(&self.table.command)?)
        };
        let seconds = self.table.seconds;
        let answer = process.exchange(line, Duration::from_secs_f64(seconds));
        let answer = answer.map_err(|failure| match failure {
            Failure::Slow => format!("no answer within {seconds} seconds"),
            Failure::Ended(how) => how,
        })?;
        read(&answer, question.id)
    }
}

/// SHA-256 of a file.
fn digest(file: &Path) -> Result<Key, Error> {
    let bytes = std::fs::read(file).map_err(Error::io(file, "read"))?;
    Ok(Key::of_bytes(&bytes))
}

/// What is wrong with a file of another digest.
fn changed(found: &Key, meant: &Key) -> String {
    format!("is not the file that the organism means: SHA-256 {found}, expected {meant}")
}

/// The grade on a line, which must answer question `id`.
fn read(line: &str, id: u64) -> Result<Grade, String> {
    let shown = shown(line);
    let expected =
        format!("expected {{\"id\": {id}, \"grade\": \"correct\" | \"wrong\" | \"unparsed\"}}");
    let reply: Reply =
        serde_json::from_str(line).map_err(|_| format!("{expected}, got `{shown}`"))?;
    if reply.id != id {
        return Err(format!("{expected}, got an answer to {}", reply.id));
    }
    Ok(match reply.grade {
        Verdict::Correct => Grade::Correct,
        Verdict::Wrong => Grade::Wrong,
        Verdict::Unparsed => Grade::Unparsed,
    })
}

#[cfg(test)]
mod tests;
