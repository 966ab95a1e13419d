//! The data of tasks in text: JSONL files, which part of the problems each is for, and the limits that
//! problems must keep.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use picklock_files::Key;
use picklock_message::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::problem::Part;

/// Where data files are looked for that are not beside the organism file.
pub const DATA: &str = "PICKLOCK_DATA";

/// The files of a task in text, and the limits of its problems.
///
/// A file that serves several parts is divided among them by a hash of each question, in the shares
/// of generated tasks, so that parts are disjoint whatever is drawn from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Lock, base and weak model are trained on these.
    pub training: PathBuf,
    /// Weak samples for unlocking; the training file where it isn't said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlock: Option<PathBuf>,
    /// For searches and the gate; the held-out file where it isn't said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<PathBuf>,
    /// Judged on; the training file where it isn't said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<PathBuf>,
    /// Weak answers, where no weak model is asked for them: lines of `question` and `answer`, any number
    /// for a question. Training and unlock problems without one are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weak_answers: Option<PathBuf>,
    /// Training problems that every prompt shows first, with their answers; they are used for nothing
    /// else.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub few_shot: u32,
    /// Characters of the longest question; longer ones are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_question: Option<u32>,
    /// The most tokens of prompt and answer together; the model's context where it isn't said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// The most tokens of an answer.
    #[serde(default = "usual_answer")]
    pub max_new_tokens: u32,
    /// An answer ends where one of these begins; the task's own where it isn't said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Vec<String>>,
    /// SHA-256 of files, by their paths. Where the organism file gives one, the file must be that; the
    /// others are noted when it is read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sha256: BTreeMap<PathBuf, Key>,
    /// What is done about problems that are too long in tokens, are there twice, or have no answer.
    #[serde(default, skip_serializing_if = "Unfit::is_stop")]
    pub unfit: Unfit,
}

/// What is done about a problem that can't be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unfit {
    /// The organism is refused; the message names it.
    #[default]
    Stop,
    /// It is left out.
    Skip,
}

impl Data {
    /// The file that a part of the problems comes from.
    pub fn file(&self, part: Part) -> &Path {
        let held_out = self.held_out.as_ref().unwrap_or(&self.training);
        match part {
            Part::Training => &self.training,
            Part::Unlock => self.unlock.as_ref().unwrap_or(&self.training),
            Part::Validation => self.validation.as_ref().unwrap_or(held_out),
            Part::HeldOut => held_out,
        }
    }

    /// The contents of one of the files.
    ///
    /// # Errors
    /// Where it can't be read, or isn't the file any more that the organism means.
    pub fn read(&self, file: &Path) -> Result<Vec<u8>> {
        let bytes = std::fs::read(file).map_err(Error::io(file, "read"))?;
        let found = Key::of_bytes(&bytes);
        match self.sha256.get(file) {
            Some(meant) if *meant != found => {
                let problem = format!(
                    "is not the file that the organism means: SHA-256 {found}, expected {meant}"
                );
                Err(Error::file(file, problem))
            }
            _ => Ok(bytes),
        }
    }

    /// Finds the files from an organism file in the folder `beside`, and records their digests.
    ///
    /// # Errors
    /// Where one isn't there, can't be read, or has another digest than the organism file says.
    pub fn record_digests(&mut self, beside: &Path) -> Result<()> {
        let mut meant = std::mem::take(&mut self.sha256);
        let others = [
            ("unlock", &mut self.unlock),
            ("validation", &mut self.validation),
            ("held_out", &mut self.held_out),
            ("weak_answers", &mut self.weak_answers),
        ];
        let others = others.into_iter();
        let others = others.filter_map(|(key, file)| Some((key, file.as_mut()?)));
        let training = ("training", &mut self.training);
        for (key, file) in std::iter::once(training).chain(others) {
            let found = find((key, file), beside)?;
            if let Some(digest) = meant.remove(file) {
                self.sha256.insert(found.clone(), digest);
            }
            *file = found;
        }
        if let Some((file, _)) = meant.first_key_value() {
            let problem = "data.sha256 names it, and no other key of data does";
            return Err(Error::file(file, problem));
        }
        let parts = Part::ALL.map(|part| self.file(part).to_path_buf());
        for file in parts.into_iter().chain(self.weak_answers.clone()) {
            let digest = Key::of_bytes(&self.read(&file)?);
            self.sha256.insert(file, digest);
        }
        Ok(())
    }

    /// Checks the limits; the problem found starts with the key.
    ///
    /// # Errors
    /// What is wrong, expected and got.
    pub fn check(&self) -> std::result::Result<(), String> {
        let limits = [
            ("max_tokens", self.max_tokens.unwrap_or(2)),
            ("max_new_tokens", self.max_new_tokens),
            ("longest_question", self.longest_question.unwrap_or(1)),
        ];
        for (key, tokens) in limits {
            if !(1..=1_000_000).contains(&tokens) {
                return Err(format!("{key} is {tokens}, expected 1 to 1,000,000"));
            }
        }
        let mut until = self.until.iter().flatten();
        if until.any(String::is_empty) {
            return Err("until has an empty text, with which every answer ends at once".into());
        }
        match self.max_tokens {
            Some(most) if most <= self.max_new_tokens => Err(format!(
                "max_tokens is {most}, expected more than the {} of max_new_tokens, which leaves no prompt",
                self.max_new_tokens
            )),
            _ if self.few_shot > 100 => {
                Err(format!("few_shot is {}, expected up to 100", self.few_shot))
            }
            _ => Ok(()),
        }
    }
}

impl Unfit {
    fn is_stop(&self) -> bool {
        *self == Self::Stop
    }
}

/// Finds the data file of a key, from an organism file in the folder `beside`.
fn find((key, path): (&str, &Path), beside: &Path) -> Result<PathBuf> {
    let folder = std::env::var_os(DATA).filter(|folder| !folder.is_empty());
    let folder = folder.map(PathBuf::from);
    let places = [Some(beside), folder.as_deref()];
    let places = places.into_iter().flatten().map(|place| place.join(path));
    let places: Vec<PathBuf> = places.collect();
    let found = places.iter().find(|place| place.is_file());
    let found = found.ok_or_else(|| {
        if let Some(folder) = places.iter().find(|place| place.is_dir()) {
            let problem = format!("data.{key} names it: a folder, expected a file of JSON lines");
            return Error::file(folder, problem);
        }
        let beside = beside.display();
        let problem = match folder {
            Some(folder) => format!(
                "there is no such file, and data.{key} names it: looked in {beside} and in {} ({DATA})",
                folder.display()
            ),
            None => format!(
                "there is no such file in {beside}, and data.{key} names it; set {DATA} to the folder \
                 that holds it"
            ),
        };
        Error::file(path, problem)
    })?;
    std::path::absolute(found).map_err(Error::io(found, "find"))
}

fn usual_answer() -> u32 {
    512
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
