//! The problems of data files, each in one part, and what is told of those that can't be used.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use picklock_grade::Grader;
use picklock_message::{Error, Result};
use rayon::prelude::*;

use super::length::{Fit, Fitting};
use super::line::{Line, json_lines};
use super::unused::{Reason, Unused, UnusedLines};
use super::{Format, SKIP, Worded, at};
use crate::data::{Data, Unfit};
use crate::problem::Part;
use crate::prompt::Example;

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
    unused: UnusedLines,
}

/// Questions that have been read.
#[derive(Default)]
struct Known {
    /// The rows of those that are used.
    used: HashMap<String, usize>,
    /// Those that aren't.
    unused: HashSet<String>,
}

/// Why a problem can't be used; in words, where the organism may stop there.
type Unusable = (Reason, Option<String>);

impl Corpus {
    /// Reads the files, and divides their problems.
    ///
    /// # Errors
    /// Where a file can't be read, a line is no problem, or one can't be used and the organism says
    /// to stop there.
    pub fn read(data: &Data, format: &dyn Format) -> Result<Self> {
        let mut corpus = Self::default();
        let (mut known, grader) = (Known::default(), format.grader());
        for (file, parts) in files(data) {
            for (line, worded) in lines(data, file, format)? {
                let words = normal(&worded.question);
                let letters: Vec<u32> = words.chars().map(u32::from).collect();
                let part = Part::among(&parts, &letters);
                let most = data
                    .longest_question
                    .map_or(usize::MAX, |most| most as usize);
                let unfit = if letters.len() > most {
                    Some((Reason::LongQuestion, None))
                } else if let Some(first) = known.used.get(&words) {
                    Some(corpus.beside(*first, &worded, file))
                } else {
                    ungraded(&worded.reference, part, &grader)
                };
                match unfit {
                    None => {
                        let row = corpus.problems.len();
                        known.used.insert(words, row);
                        corpus.parts.entry(part).or_default().push(row as u32);
                        corpus.problems.push(worded);
                        corpus.places.push((file.to_path_buf(), line));
                    }
                    Some((_, Some(problem))) if data.unfit == Unfit::Stop => {
                        return Err(at(file, line, format!("{problem}; {SKIP}")));
                    }
                    Some((reason, _)) => {
                        corpus.unused.add(file, line, reason);
                        known.unused.insert(words);
                    }
                }
            }
        }
        corpus.set_apart(data.few_shot as usize)?;
        if let Some(file) = &data.weak_answers {
            corpus.answer_weakly((data, format), file, &known)?;
        }
        Ok(corpus)
    }

    /// What speaks against a problem whose question another one has, in this row.
    fn beside(&self, first: usize, worded: &Worded, file: &Path) -> Unusable {
        let (path, line) = &self.places[first];
        if path != file {
            let path = path.display();
            let problem = format!("the same question as {path}:{line}, which is another part");
            return (Reason::OtherPart, Some(problem));
        }
        // Within one file the first is enough.
        let same_answer = self.problems[first].reference == worded.reference;
        let reason = if same_answer {
            Reason::Again
        } else {
            Reason::AnsweredOtherwise
        };
        (reason, None)
    }

    /// Reads the weak answers, and leaves out the problems that are trained on and have none.
    fn answer_weakly(
        &mut self,
        (data, format): (&Data, &dyn Format),
        file: &Path,
        known: &Known,
    ) -> Result<()> {
        let trained = [Part::Training, Part::Unlock];
        let rows = trained.iter().flat_map(|part| self.part(*part));
        let rows: HashSet<u32> = rows.copied().collect();
        for (number, line) in json_lines(data, file)? {
            let answered = format.weak_answer(&line);
            let (question, answer) = answered.map_err(|problem| at(file, number, problem))?;
            let words = normal(&question);
            let row = known.used.get(&words);
            if row.is_none() && !known.unused.contains(&words) {
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
            let fits: Vec<Result<Fit>> = rows
                .par_iter()
                .map(|row| fit(&self.problems[*row as usize], *part))
                .collect();
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

/// Why answers to a problem can't be graded, where they are to be: it has no answer, or none that the
/// grader reads. The user's program is asked about one problem only, before a run.
fn ungraded(reference: &str, part: Part, grader: &Grader) -> Option<Unusable> {
    if !part.is_graded() {
        return None;
    }
    if reference.trim().is_empty() {
        let problem = "there is no answer to grade by".to_string();
        return Some((Reason::Unanswered, Some(problem)));
    }
    if matches!(grader, Grader::Program(_)) {
        return None;
    }
    let problem = grader.grade(reference, reference).err()?;
    Some((Reason::Unreadable, Some(problem.to_string())))
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
        if worded.question.trim().is_empty() {
            return Err(at(file, number, "the question is empty".into()));
        }
        Ok((number, worded))
    };
    json_lines(data, file)?.into_iter().map(problem).collect()
}

/// A question by which the same one is known again: without differences in white space.
fn normal(question: &str) -> String {
    question.split_whitespace().collect::<Vec<_>>().join(" ")
}
