//! Reading a manifest, and whether a run can have written it: it may have been edited by hand, or
//! damaged.

use std::collections::HashSet;
use std::path::Path;

use picklock_message::{Error, Result, grouped, nearest};
use picklock_sdk::Arm;
use serde_json::Value;

use super::manifest::{Manifest, RunHypothesis};

/// What to do about a manifest that no run can have written.
const ADVICE: &str = "the journal is unharmed: put the manifest back, or run afresh with --fresh";

/// The most seeds, and the most draws.
const MOST: u32 = 10_000;

/// The most members: seeds times draws.
const MOST_MEMBERS: u64 = 1_000_000;

/// A key that is wrong: which, got, expected.
type Checked = std::result::Result<(), String>;

/// A problem of `key`, or of the whole text, where serde found it.
fn at(path: &Path, key: &str, error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let place = format!(" at line {line} column {column}");
    let message = message.strip_suffix(&place).unwrap_or(&message);
    let problem = match key {
        "" | "." => format!("{message}; {ADVICE}"),
        key => format!("{key}: {message}; {ADVICE}"),
    };
    Error::Text {
        path: path.to_path_buf(),
        line,
        column,
        problem,
    }
}

/// Checks that `value` has no keys beside those of `known`, which was read from it. One that says
/// `false` or `null` may be a default that isn't written.
fn no_more(value: &Value, known: &Value, place: &str) -> Checked {
    match (value, known) {
        (Value::Object(value), Value::Object(known)) => {
            for (key, value) in value {
                let place = match place {
                    "" => key.clone(),
                    place => format!("{place}.{key}"),
                };
                match known.get(key) {
                    Some(known) => no_more(value, known, &place)?,
                    None if matches!(value, Value::Null | Value::Bool(false)) => {}
                    None => {
                        let hint = nearest(key, known.keys().map(String::as_str))
                            .map(|nearest| format!("; did you mean `{nearest}`?"));
                        let hint = hint.unwrap_or_default();
                        return Err(format!("unknown key `{place}`{hint}"));
                    }
                }
            }
            Ok(())
        }
        (Value::Array(values), Value::Array(known)) => {
            for (index, (value, known)) in values.iter().zip(known).enumerate() {
                no_more(value, known, &format!("{place}[{index}]"))?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

impl Manifest {
    /// Reads a run's manifest.
    ///
    /// # Errors
    /// Where there is none, it has another format, or no run can have written it: which key, what was
    /// expected there, and what to do.
    pub fn read(run: &Path) -> Result<Self> {
        let path = &run.join("manifest.json");
        let text = std::fs::read(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Error::file(run, "no run folder: it has no manifest.json")
            }
            _ => Error::io(path, "read")(error),
        })?;
        let value: Value = serde_json::from_slice(&text).map_err(|error| at(path, "", &error))?;
        if value["format"] != Self::FORMAT {
            let (got, expected) = (&value["format"], Self::FORMAT);
            let problem = format!("format {got}, this picklock reads {expected}");
            return Err(Error::file(path, problem));
        }
        let mut reader = serde_json::Deserializer::from_slice(&text);
        let manifest: Self = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| at(path, &error.path().to_string(), error.inner()))?;
        // Structs are plain: they can be written.
        let known = serde_json::to_value(&manifest).unwrap_or_default();
        no_more(&value, &known, "")
            .and_then(|()| manifest.check())
            .map_err(|problem| Error::file(path, format!("{problem}; {ADVICE}")))?;
        Ok(manifest)
    }

    /// Checks that a run may be so: its numbers within their ranges, its names without duplicates.
    ///
    /// # Errors
    /// Which key is wrong, got and expected.
    pub fn check(&self) -> Checked {
        let seeds_per_block = self.geometry.seeds_per_block;
        let counts = [
            ("planned_seeds", self.planned_seeds, MOST),
            ("seeds", self.seeds, MOST),
            ("draws", self.draws, MOST),
            ("geometry.seeds_per_block", seeds_per_block, MOST),
            ("environment.threads", self.environment.threads, 1024),
        ];
        for (key, count, most) in counts {
            within(key, count.into(), most.into())?;
        }
        let members = u64::from(self.seeds) * u64::from(self.draws);
        within("seeds x draws", members, MOST_MEMBERS)?;
        let block = u64::from(seeds_per_block) * u64::from(self.draws);
        within("geometry.width", self.geometry.width.into(), block)?;
        let organism = &self.organism;
        let [held_out, validation] =
            [organism.problems.held_out, organism.problems.validation].map(u64::from);
        within("organism.problems.held_out", held_out, 1_000_000)?;
        within("organism.problems.validation", validation, 1_000_000)?;
        organism
            .task
            .check(&organism.given())
            .map_err(|problem| format!("organism.{problem}"))?;
        let names = self.hypotheses.iter().map(|known| known.name.as_str());
        names_of_files("hypotheses", names)?;
        for (index, run) in self.hypotheses.iter().enumerate() {
            check_hypothesis(&format!("hypotheses[{index}]"), run)?;
        }
        Ok(())
    }
}

fn check_hypothesis(place: &str, run: &RunHypothesis) -> Checked {
    within(&format!("{place}.time_limit_s"), run.time_limit_s, u64::MAX)?;
    let mut hashes = vec![("registration", &run.registration)];
    if let Some(plugin) = &run.plugin {
        hashes.extend([("plugin.file", &plugin.file), ("plugin.code", &plugin.code)]);
    }
    for (key, hash) in hashes {
        let hash = hash.to_string();
        if hash.len() != 64 || !hash.chars().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(format!(
                "{place}.{key} is `{hash}`, expected a SHA-256 in 64 hexadecimal digits"
            ));
        }
    }
    names_of_files(&format!("{place}.arms"), run.arms.iter().map(Arm::name))
}

fn within(key: &str, count: u64, most: u64) -> Checked {
    if (1..=most).contains(&count) {
        return Ok(());
    }
    let expected = match most {
        u64::MAX => "at least 1".to_string(),
        most => format!("1 to {}", grouped(most)),
    };
    Err(format!("{key} is {}, expected {expected}", grouped(count)))
}

/// Checks names that become parts of files' names.
fn names_of_files<'n>(place: &str, names: impl Iterator<Item = &'n str>) -> Checked {
    let mut known = HashSet::new();
    for (index, name) in names.enumerate() {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
            return Err(format!(
                "{place}[{index}].name is {name:?}, expected part of a file's name"
            ));
        }
        if !known.insert(name) {
            return Err(format!("{place}[{index}].name is {name:?} once more"));
        }
    }
    Ok(())
}
