//! A user's own questions: fields of JSONL lines, mapped in the organism file.

use picklock_grade::Grader;
use serde::{Deserialize, Serialize};

use crate::text::{Format, Line, Worded};

/// The task's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jsonl {
    /// Which field is what.
    pub fields: Fields,
    /// Who grades.
    #[serde(default = "exact")]
    pub grader: Grader,
}

/// The names of fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// What is asked.
    pub question: String,
    /// What answers are graded against.
    pub answer: String,
    /// The answer that is trained on, worked out; `answer` where it isn't said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solution: Option<String>,
    /// The problem's name; its place in the data where it isn't said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Format for Jsonl {
    fn problem(&self, line: &Line) -> Result<Worded, String> {
        let fields = &self.fields;
        let reference = line.text(&fields.answer)?;
        let id = fields.id.as_ref().map(|id| line.text(id));
        Ok(Worded {
            id: id.transpose()?,
            question: line.text(&fields.question)?,
            answer: match &fields.solution {
                Some(solution) => line.text(solution)?,
                None => reference.clone(),
            },
            reference,
            ..Worded::default()
        })
    }

    fn grader(&self) -> Grader {
        self.grader.clone()
    }

    fn template(&self) -> &'static str {
        "{% for example in examples %}{{ example.question }}\n{{ example.answer }}\n\n{% endfor %}{{ question }}\n"
    }
}

fn exact() -> Grader {
    Grader::Exact
}
