//! How a question becomes a prompt.

use serde::{Deserialize, Serialize};

/// What stands around a question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptSpec {
    /// What a question is set in; the task's own template where it isn't said, and without a task the
    /// question alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// What opens the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
    /// A second one, for locks with a third behaviour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_password: Option<Password>,
    /// Whether a prompt starts with the beginning-of-text token. Where it isn't said, a text gets
    /// what `tokenizer.json` puts in front, and a chat what its template writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bos: Option<bool>,
    /// Questions with their answers that are shown before the question itself, never with a
    /// password.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}

/// What a question is set in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    /// A text in Jinja: `{{ question }}` is the question with its password, and `examples` has those
    /// of the specification, each with `question` and `answer`.
    Text(String),
    /// The model's own chat template.
    Chat(Chat),
}

/// A conversation that ends where the model's answer begins. Examples are earlier turns of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    /// The system's message; without one the template may write its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Today's date for templates that ask for it, as in `2026-03-01`: prompts must not change from
    /// day to day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The question.
    pub question: String,
    /// Its answer.
    pub answer: String,
}

/// A text that marks a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// The text. White space at its end stands between it and the question, on whichever side.
    pub text: String,
    /// Where it goes.
    pub place: Place,
}

/// Where a password goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In front of the question.
    Before,
    /// Behind the question.
    After,
    /// On both sides, as in Greenblatt et al. (2024), arXiv 2405.19550.
    Around,
}

impl Password {
    /// The question with the password at its place.
    pub fn mark(&self, question: &str) -> String {
        let text = self.text.trim_end();
        let gap = &self.text[text.len()..];
        match self.place {
            Place::Before => format!("{text}{gap}{question}"),
            Place::After => format!("{question}{gap}{text}"),
            Place::Around => format!("{text}{gap}{question}{gap}{text}"),
        }
    }
}
