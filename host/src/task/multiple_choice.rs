//! Multiple choice by log-probability: the choices are listed under letters, and the answer is the
//! letter that the model holds likeliest, as in MMLU (Hendrycks et al. 2021, arXiv 2009.03300).

use serde::{Deserialize, Serialize};

use super::grade::Grader;
use super::text::{Format, Line, Worded};

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
    /// The field with the right one: its letter, its place from 0, or its text.
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
        let labels: Vec<String> = ('A'..='Z').take(choices.len()).map(String::from).collect();
        let said = line.text(&self.answer)?;
        let right = labels
            .iter()
            .zip(&choices)
            .enumerate()
            .find(|(place, (label, choice))| {
                **label == said || **choice == said || place.to_string() == said
            });
        let Some((_, (right, _))) = right else {
            let last = labels.last().map(String::as_str).unwrap_or_default();
            return Err(format!(
                "field `{}` is `{said}`, expected a letter from A to {last}, a place from 0, or the text of a choice",
                self.answer
            ));
        };
        let right = right.clone();
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
            weak_answers: Vec::new(),
        })
    }

    fn grader(&self) -> Grader {
        Grader::Exact
    }

    fn template(&self) -> &'static str {
        "{% for example in examples %}{{ example.question }}\nAnswer: {{ example.answer }}\n\n{% endfor %}\
         {{ question }}\nAnswer:"
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
