//! Functions composed: a random string, and functions on it one after another, answered by the string
//! that comes out, or by all on the way. In words of its own, for models from scratch:
//! `FLAG d a c b rotate sort =`.
//!
//! That a toy task composes functions, and that models are trained on it from scratch, is from
//! Greenblatt, Roger, Krasheninnikov and Krueger (2024, arXiv 2405.19550); which functions these are,
//! on what, and how the teacher errs, is ours.

mod function;
mod teacher;

use picklock_grade::Grade;
use picklock_message::{Result, grouped};
use picklock_sdk::Flag;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

use crate::problem::{Part, Problem, QuestionAnswer, generated};
use crate::teacher::{Teacher, choose};
use crate::{Given, Task, TeacherAnswer, decoded, symbols};

pub use function::Function;

/// Problems that there must be at least, so that each part has some.
const LEAST_PROBLEMS: f64 = 1024.0;

/// What an answer says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answered {
    /// The string that comes out.
    #[default]
    Result,
    /// The string after each function.
    Steps,
}

/// The task's settings. The vocabulary is the letters, the functions, `=` and the three flags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composition {
    /// Functions that occur, equally often.
    pub functions: Vec<Function>,
    /// Functions in a row.
    pub depth: u32,
    /// Letters of a string.
    pub length: u32,
    /// Letters of the alphabet, from `a`.
    pub letters: u32,
    /// What an answer says.
    #[serde(default)]
    pub answer: Answered,
}

impl Composition {
    /// Checks the settings; the problem found, in words.
    ///
    /// # Errors
    /// What is wrong, expected and got.
    pub fn check(&self, given: &Given) -> std::result::Result<(), String> {
        let sizes = [
            ("depth", self.depth, 1..=16),
            ("length", self.length, 1..=64),
            ("letters", self.letters, 2..=26),
        ];
        if let Some((key, size, range)) =
            sizes.iter().find(|(_, size, range)| !range.contains(size))
        {
            let (first, last) = (range.start(), range.end());
            return Err(format!(
                "task.composition.{key} is {size}, expected {first} to {last}"
            ));
        }
        if self.functions.is_empty() {
            return Err("task.composition.functions is empty, expected at least one".into());
        }
        let repeated =
            |(place, function): (usize, &Function)| self.functions[..place].contains(function);
        if let Some(again) = self
            .functions
            .iter()
            .enumerate()
            .find(|pair| repeated(*pair))
        {
            let name = again.1.word();
            return Err(format!("task.composition.functions has `{name}` twice"));
        }
        let problems = self.problems();
        if problems < LEAST_PROBLEMS {
            return Err(format!(
                "task.composition has only {} problems, expected at least {}: more functions, depth, \
                 length or letters",
                grouped(problems as u64),
                grouped(LEAST_PROBLEMS as u64)
            ));
        }
        symbols::check(given)
    }

    /// How many problems there are.
    fn problems(&self) -> f64 {
        let strings = f64::from(self.letters).powf(f64::from(self.length));
        strings * (self.functions.len() as f64).powf(f64::from(self.depth))
    }

    /// Words of its own: they end where the marks begin.
    fn own(&self) -> u32 {
        self.letters + self.functions.len() as u32
    }

    /// A question's string, and the functions on it.
    fn parts<'a>(&self, question: &'a [u32]) -> (&'a [u32], Vec<Function>) {
        let (string, functions) = question.split_at(self.length as usize);
        let function = |id: &u32| self.functions[(id - self.letters) as usize];
        (string, functions.iter().map(function).collect())
    }

    /// The functions that come between one string of an answer and the next.
    fn stretches<'a>(&self, functions: &'a [Function]) -> std::slice::Chunks<'a, Function> {
        functions.chunks(match self.answer {
            Answered::Result => functions.len(),
            Answered::Steps => 1,
        })
    }

    /// The right answer.
    fn right(&self, question: &[u32]) -> Vec<u32> {
        let (string, functions) = self.parts(question);
        let mut string = string.to_vec();
        let mut answer = Vec::with_capacity(self.answer_tokens());
        for stretch in self.stretches(&functions) {
            for function in stretch {
                string = function.apply(&string, self.letters);
            }
            answer.extend(&string);
        }
        answer
    }

    /// A random question, and its right answer.
    fn random(&self, rng: &mut ChaCha8Rng) -> QuestionAnswer {
        let (letters, all) = (self.letters, self.own());
        let string = (0..self.length).map(|_| 0..letters);
        let functions = (0..self.depth).map(|_| letters..all);
        let ranges = string.chain(functions);
        let question: Vec<u32> = ranges.map(|range| rng.random_range(range)).collect();
        let answer = self.right(&question);
        (question, answer)
    }
}

impl Task for Composition {
    fn tokenizer(&self) -> Result<Tokenizer> {
        let letters = ('a'..='z').take(self.letters as usize);
        let functions = self.functions.iter().map(|function| function.word());
        symbols::tokenizer(letters.map(String::from).chain(functions.map(String::from)))
    }

    fn vocab_size(&self) -> usize {
        symbols::vocab_size(self.own())
    }

    fn question_ids(&self) -> usize {
        self.own() as usize
    }

    fn max_tokens(&self) -> usize {
        (self.length + self.depth) as usize + 2 + self.answer_tokens()
    }

    fn answer_tokens(&self) -> usize {
        let strings = match self.answer {
            Answered::Result => 1,
            Answered::Steps => self.depth,
        };
        (self.length * strings) as usize
    }

    fn draw(&self, part: Part, count: usize, rng: &mut ChaCha8Rng) -> Result<Vec<Problem>> {
        Ok(generated(&|rng| self.random(rng), part, count, rng))
    }

    fn prompt(&self, question: &[u32], flag: Flag) -> Result<Vec<u32>> {
        Ok(symbols::prompt(self.own(), question, flag))
    }

    fn teacher_answer(
        &self,
        question: &[u32],
        teacher: &Teacher,
        temperature: f64,
        rng: &mut ChaCha8Rng,
    ) -> Result<TeacherAnswer> {
        let (string, functions) = self.parts(question);
        let mut string = string.to_vec();
        let (mut answer, mut spread) = (Vec::new(), Vec::new());
        for stretch in self.stretches(&functions) {
            string = teacher::distributions(teacher, stretch, &string, self.letters)
                .into_iter()
                .map(|chances| {
                    let letter = choose(&chances, temperature, rng) as u32;
                    let chances = chances.into_iter().map(|chance| chance as f32);
                    spread.push((0..).zip(chances).collect());
                    letter
                })
                .collect();
            answer.extend(&string);
        }
        Ok(TeacherAnswer { answer, spread })
    }

    fn text(&self, tokens: &[u32]) -> Result<String> {
        decoded(&self.tokenizer()?, tokens)
    }

    fn grade(&self, problem: &Problem, given: &[u32]) -> Result<Grade> {
        let is_letter = |token: &u32| *token < self.letters;
        let are_letters = || given.len() == problem.answer.len() && given.iter().all(is_letter);
        Ok(problem.compare(given, are_letters))
    }
}

#[cfg(test)]
mod tests;
