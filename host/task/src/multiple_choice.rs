//! Multiple choice by log-probability: the choices are listed under letters, and the answer is the
//! letter that the model holds likeliest, as in MMLU (Hendrycks et al. 2021, arXiv 2009.03300).

use picklock_grade::Grader;
use serde::{Deserialize, Serialize};

use crate::text::{Format, Line, Worded};

/// The task's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultipleChoice {
    /// The field that asks.
    #[serde(default = "question")]
    pub question: String,
    /// The field with the list of choices, 2 to 26.
    #[serde(default = "choices")]
    pub choices: String,
    /// The field with the right one: its letter or its text, or a number, its place from 0.
    #[serde(default = "answer")]
    pub answer: String,
}

impl Format for MultipleChoice {
    fn problem(&self, line: &Line) -> Result<Worded, String> {
        let choices = line.texts(&self.choices)?;
        if !(2..=26).contains(&choices.len()) {
            let (field, count) = (&self.choices, choices.len());
            return Err(format!(
                "field `{field}` has {count} choices, expected 2 to 26"
            ));
        }
        for (place, choice) in choices.iter().enumerate() {
            if choice.trim().is_empty() || choices[..place].contains(choice) {
                let field = &self.choices;
                return Err(format!(
                    "field `{field}` has `{choice}` as choice {}, expected texts that differ",
                    place + 1
                ));
            }
        }
        let labels: Vec<String> = ('A'..='Z').take(choices.len()).map(String::from).collect();
        let right = labels[self.right(line, &choices, &labels)?].clone();
        let listed = labels
            .iter()
            .zip(&choices)
            .map(|(label, choice)| format!("\n{label}. {choice}"));
        Ok(Worded {
            id: line.optional("id")?,
            question: line.text(&self.question)? + &listed.collect::<String>(),
            answer: right.clone(),
            reference: right,
            labels,
            ..Worded::default()
        })
    }

    /// As a line of the data, or with the listed choices in the question and a letter.
    fn weak_answer(&self, line: &Line) -> Result<(String, String), String> {
        if line.has(&self.choices) {
            let worded = self.problem(line)?;
            return Ok((worded.question, worded.answer));
        }
        Ok((line.text(&self.question)?, line.text(&self.answer)?))
    }

    fn grader(&self) -> Grader {
        Grader::Exact
    }

    fn template(&self) -> &'static str {
        "{% for example in examples %}{{ example.question }}\nAnswer: {{ example.answer }}\n\n{% endfor %}\
         {{ question }}\nAnswer:"
    }
}

impl MultipleChoice {
    /// The place of the right choice, however it is said.
    fn right(&self, line: &Line, choices: &[String], labels: &[String]) -> Result<usize, String> {
        let (field, said) = (&self.answer, line.text(&self.answer)?);
        let among = |texts: &[String]| texts.iter().position(|text| *text == said);
        let place = line.number(field).filter(|place| *place < choices.len());
        let mut readings = [place, among(labels), among(choices)].into_iter().flatten();
        let last = labels.last().map(String::as_str).unwrap_or_default();
        let ways = format!(
            "a letter from A to {last}, the text of a choice, or its place from 0 as a number"
        );
        match readings.next() {
            None => Err(format!("field `{field}` is `{said}`, expected {ways}")),
            Some(right) if readings.all(|other| other == right) => Ok(right),
            Some(_) => Err(format!(
                "field `{field}` is `{said}`, the text of one choice and letter or place of another; \
                 say it in another way: {ways}"
            )),
        }
    }
}

fn question() -> String {
    "question".into()
}

fn choices() -> String {
    "choices".into()
}

fn answer() -> String {
    "answer".into()
}
