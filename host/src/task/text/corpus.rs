//! The problems of data files, each in one part, and what is told of those that can't be used.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Map, Value};

use super::length::{Fit, Fitting};
use super::unused::{Leavings, Reason, Unused};
use super::{Format, SKIP, Worded, at};
use crate::error::{Error, Result, grouped};
use crate::prompt::Example;
use crate::task::grade::Grader;
use crate::task::{BYTE_ORDER_MARK, Data, Part, Unfit};

/// Problems of all parts.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    /// All problems.
    pub problems: Vec<Worded>,
    /// Where each of them stands: file and line, from 1.
    places: Vec<(PathBuf, usize)>,
    /// The problems of each part, in the order of the files.
    parts: HashMap<Part, Vec<u32>>,
    /// What every prompt shows.
    examples: Vec<Example>,
    /// What of the data isn't used.
    unused: Leavings,
}

/// A line of a data file: a JSON object.
#[derive(Clone, Debug)]
pub struct Line(Map<String, Value>);

impl Corpus {
    /// Reads the files, and divides their problems.
    ///
    /// # Errors
    /// Where a file can't be read, a line is no problem, or one can't be used and the organism says
    /// to stop there.
    pub fn read(data: &Data, format: &dyn Format) -> Result<Self> {
        let mut corpus = Self::default();
        let grader = format.grader();
        // By question: which file has it already.
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut dropped: HashSet<String> = HashSet::new();
        for (file, parts) in files(data) {
            for (line, worded) in lines(data, file, format)? {
                let words = normal(&worded.question);
                let letters: Vec<u32> = words.chars().map(u32::from).collect();
                let part = Part::among(&parts, &letters);
                let too_long = data
                    .longest_question
                    .is_some_and(|most| letters.len() > most as usize);
                if too_long {
                    corpus.unused.add(file, line, Reason::LongQuestion);
                    dropped.insert(words);
                    continue;
                }
                let unfit = match known.get(&words) {
                    // Within one file the first is enough.
                    Some(first) if corpus.places[*first].0 == file => {
                        let same = corpus.problems[*first].reference == worded.reference;
                        let reason = match same {
                            true => Reason::Again,
                            false => Reason::AnsweredOtherwise,
                        };
                        corpus.unused.add(file, line, reason);
                        continue;
                    }
                    Some(first) => {
                        let (path, line) = &corpus.places[*first];
                        let problem = format!(
                            "the same question as {}:{line}, which is another part",
                            path.display()
                        );
                        Some((Reason::OtherPart, problem))
                    }
                    None if worded.reference.trim().is_empty() && part.is_graded() => {
                        let problem = "there is no answer to grade by".to_string();
                        Some((Reason::Unanswered, problem))
                    }
                    None if part.is_graded() => unreadable(&grader, &worded.reference)
                        .map(|problem| (Reason::Unreadable, problem)),
                    None => None,
                };
                match unfit {
                    Some((reason, _)) if data.unfit == Unfit::Skip => {
                        corpus.unused.add(file, line, reason);
                        dropped.insert(words);
                    }
                    Some((_, problem)) => return Err(at(file, line, format!("{problem}; {SKIP}"))),
                    None => {
                        known.insert(words, corpus.problems.len());
                        corpus
                            .parts
                            .entry(part)
                            .or_default()
                            .push(corpus.problems.len() as u32);
                        corpus.problems.push(worded);
                        corpus.places.push((file.to_path_buf(), line));
                    }
                }
            }
        }
        corpus.set_apart(data.few_shot as usize)?;
        if let Some(file) = &data.weak_answers {
            corpus.answer_weakly((data, format), file, (&known, &dropped))?;
        }
        Ok(corpus)
    }

    /// Reads the weak answers, and leaves out the problems that are trained on and have none. `known`
    /// are the problems by their questions, `dropped` the questions of others.
    fn answer_weakly(
        &mut self,
        (data, format): (&Data, &dyn Format),
        file: &Path,
        (known, dropped): (&HashMap<String, usize>, &HashSet<String>),
    ) -> Result<()> {
        let trained = [Part::Training, Part::Unlock];
        let rows = trained.iter().flat_map(|part| self.part(*part));
        let rows: HashSet<u32> = rows.copied().collect();
        for (number, line) in json_lines(data, file)? {
            let answered = format.weak_answer(&line);
            let (question, answer) = answered.map_err(|problem| at(file, number, problem))?;
            let words = normal(&question);
            let row = known.get(&words);
            if row.is_none() && !dropped.contains(&words) {
                if data.unfit == Unfit::Stop {
                    let problem = format!("no problem of the data has this question; {SKIP}");
                    return Err(at(file, number, problem));
                }
                self.unused.add(file, number, Reason::UnknownQuestion);
                continue;
            }
            let Some(row) = row.filter(|row| rows.contains(&(**row as u32))) else {
                self.unused.add(file, number, Reason::NotTrainedOn);
                continue;
            };
            let worded = &mut self.problems[*row];
            if !(worded.labels.is_empty() || worded.labels.contains(&answer)) {
                let problem = format!(
                    "the answer is none of the labels {}",
                    worded.labels.join(", ")
                );
                return Err(at(file, number, problem));
            }
            worded.weak_answers.push(answer);
        }
        for part in trained {
            let rows = self.parts.entry(part).or_default();
            rows.retain(|row| {
                let answered = !self.problems[*row as usize].weak_answers.is_empty();
                if !answered {
                    let (file, line) = &self.places[*row as usize];
                    self.unused.add(file, *line, Reason::NoWeakAnswer);
                }
                answered
            });
        }
        Ok(())
    }

    /// Takes the first training problems out, to be shown.
    fn set_apart(&mut self, count: usize) -> Result<()> {
        let training = self.parts.entry(Part::Training).or_default();
        if training.len() < count {
            let problem = format!(
                "data.few_shot is {count}, and there are {} training problems",
                training.len()
            );
            return Err(Error::Usage(problem));
        }
        let shown = training
            .drain(..count)
            .map(|row| &self.problems[row as usize]);
        let example = |worded: &Worded| Example {
            question: worded.question.clone(),
            answer: worded.answer.clone(),
        };
        self.examples = shown.map(example).collect();
        Ok(())
    }

    /// What every prompt shows.
    pub fn examples(&self) -> impl Iterator<Item = &Example> {
        self.examples.iter()
    }

    /// Whether only labels may answer.
    pub fn has_labels(&self) -> bool {
        self.problems.iter().any(|worded| !worded.labels.is_empty())
    }

    /// The problems of a part.
    pub fn part(&self, part: Part) -> &[u32] {
        self.parts.get(&part).map(Vec::as_slice).unwrap_or_default()
    }

    /// What of the data isn't used, and why.
    pub fn unused(&self) -> Vec<Unused> {
        self.unused.sorted()
    }

    /// Where a question stands: file and line, from 1.
    pub fn place(&self, question: &[u32]) -> Option<(&Path, usize)> {
        let (file, line) = self.places.get(*question.first()? as usize)?;
        Some((file, *line))
    }

    /// Those that nothing speaks against in the tokens of a checkpoint, and their lengths, by row.
    ///
    /// # Errors
    /// Where something does, and the organism says to stop there.
    pub fn fitting(
        mut self,
        data: &Data,
        fit: impl Fn(&Worded, Part) -> Result<Fit> + Sync,
    ) -> Result<(Self, Vec<Fitting>)> {
        let mut lengths = Vec::with_capacity(self.problems.len());
        for (part, rows) in &mut self.parts {
            let fits = rows.par_iter();
            let fits = fits.map(|row| fit(&self.problems[*row as usize], *part));
            let fits: Vec<Result<Fit>> = fits.collect();
            let mut fitting = Vec::with_capacity(rows.len());
            for (row, fit) in rows.iter().zip(fits) {
                let place = &self.places[*row as usize];
                match fit? {
                    Fit::Fits(length) => {
                        fitting.push(*row);
                        let (row, part) = (*row, *part);
                        lengths.push(Fitting { row, part, length });
                    }
                    Fit::Unfit(reason, _) if data.unfit == Unfit::Skip => {
                        self.unused.add(&place.0, place.1, reason);
                    }
                    Fit::Unfit(_, problem) => {
                        return Err(at(&place.0, place.1, problem));
                    }
                }
            }
            *rows = fitting;
        }
        Ok((self, lengths))
    }
}

impl Line {
    /// A line of JSON.
    ///
    /// # Errors
    /// Where it is no JSON object.
    pub fn parse(line: &str) -> serde_json::Result<Self> {
        serde_json::from_str(line).map(Self)
    }

    /// The text of a field; numbers are texts too, and null is an empty one.
    ///
    /// # Errors
    /// Where there is none, or it is something else.
    pub fn text(&self, field: &str) -> std::result::Result<String, String> {
        if let Some(Value::Null) = self.0.get(field) {
            return Ok(String::new());
        }
        self.optional(field)?.ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            format!(
                "there is no field `{field}`; there are {}",
                known.join(", ")
            )
        })
    }

    /// The text of a field that may be missing or null.
    ///
    /// # Errors
    /// Where it is something else than a text or number.
    pub fn optional(&self, field: &str) -> std::result::Result<Option<String>, String> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(format!(
                "field `{field}` is {}, expected a text",
                kind(other)
            )),
        }
    }

    /// A field that is a whole number, of 0 or more.
    pub fn number(&self, field: &str) -> Option<usize> {
        self.0.get(field)?.as_u64()?.try_into().ok()
    }

    /// Whether there is a field.
    pub fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// The texts of a field that is a list; numbers are texts too.
    ///
    /// # Errors
    /// Where there is none, or it is something else.
    pub fn texts(&self, field: &str) -> std::result::Result<Vec<String>, String> {
        match self.0.get(field) {
            Some(Value::Array(items)) => {
                let text = |(place, item): (usize, &Value)| match item {
                    Value::String(text) => Ok(text.clone()),
                    Value::Number(number) => Ok(number.to_string()),
                    other => Err(format!(
                        "field `{field}` has {} in place {place}, expected a list of texts",
                        kind(other)
                    )),
                };
                (1..).zip(items).map(text).collect()
            }
            Some(other) => Err(format!(
                "field `{field}` is {}, expected a list of texts",
                kind(other)
            )),
            None => self.text(field).map(|text| vec![text]),
        }
    }

    /// The first of several fields that is there.
    ///
    /// # Errors
    /// Where none is, or it is no text.
    pub fn first(&self, fields: &[&str]) -> std::result::Result<String, String> {
        for field in fields {
            if let Some(text) = self.optional(field)? {
                return Ok(text);
            }
        }
        Err(format!("there is no field `{}`", fields.join("` or `")))
    }
}

/// Why an answer can't be graded by: the grader reads none in it. The user's program is asked for one
/// problem only, before a run.
fn unreadable(grader: &Grader, reference: &str) -> Option<String> {
    if matches!(grader, Grader::Program(_)) {
        return None;
    }
    let grade = grader.grade(reference, reference);
    grade.err().map(|error| error.to_string())
}

/// The files with the parts that they serve. Of a problem that is in two, the one that is judged on
/// comes first, so that training loses it.
fn files(data: &Data) -> Vec<(&Path, Vec<Part>)> {
    let mut files: Vec<(&Path, Vec<Part>)> = Vec::new();
    for part in Part::ALL.into_iter().rev() {
        let file = data.file(part);
        match files.iter_mut().find(|(known, _)| *known == file) {
            Some((_, parts)) => parts.insert(0, part),
            None => files.push((file, vec![part])),
        }
    }
    files
}

/// The problems of a file, each with the number of its line, from 1.
fn lines(data: &Data, file: &Path, format: &dyn Format) -> Result<Vec<(usize, Worded)>> {
    let problem = |(number, line): (usize, Line)| {
        let worded = format
            .problem(&line)
            .map_err(|problem| at(file, number, problem))?;
        match worded.question.trim().is_empty() {
            true => Err(at(file, number, "the question is empty".into())),
            false => Ok((number, worded)),
        }
    };
    json_lines(data, file)?.into_iter().map(problem).collect()
}

/// The objects of a file, each with the number of its line, from 1.
fn json_lines(data: &Data, file: &Path) -> Result<Vec<(usize, Line)>> {
    let text = String::from_utf8(data.read(file)?).map_err(|error| {
        let problem = format!(
            "isn't UTF-8 text, at byte {}",
            grouped(error.utf8_error().valid_up_to() as u64)
        );
        Error::file(file, problem)
    })?;
    let lines = (1..).zip(text.trim_start_matches(BYTE_ORDER_MARK).lines());
    let parsed = lines.filter(|(_, line)| !line.trim().is_empty());
    let parsed = parsed.map(|(number, line)| match Line::parse(line) {
        Ok(line) => Ok((number, line)),
        Err(error) => Err(Error::Text {
            path: file.to_path_buf(),
            line: number,
            column: error.column().max(1),
            problem: format!("no JSON object: {}", problem(&error)),
        }),
    });
    let parsed: Vec<(usize, Line)> = parsed.collect::<Result<_>>()?;
    match parsed.is_empty() {
        true => Err(Error::file(
            file,
            "nothing in it; expected a JSON object on each line",
        )),
        false => Ok(parsed),
    }
}

/// What serde says of a line, without its place.
fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_string()
}

/// A question by which the same one is known again: without differences in white space.
fn normal(question: &str) -> String {
    question.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a JSON value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
