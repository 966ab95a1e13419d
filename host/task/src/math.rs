//! MATH (Hendrycks et al. 2021, arXiv 2103.03874): competition problems, each with a worked solution
//! whose answer is boxed.

use picklock_grade::{Grader, last_box};

use crate::text::{Format, Line, Worded};

/// The task; a line has `problem`, `solution` and, where it isn't the solution's box, `answer`.
pub struct Math;

impl Format for Math {
    fn problem(&self, line: &Line) -> Result<Worded, String> {
        let solution = line.text("solution")?;
        let reference = match line.optional("answer")? {
            Some(answer) => answer,
            None => last_box(&solution).unwrap_or_default().to_string(),
        };
        Ok(Worded {
            id: line.optional("id")?,
            question: line.first(&["problem", "question"])?,
            answer: solution,
            reference,
            ..Worded::default()
        })
    }

    fn grader(&self) -> Grader {
        Grader::Math
    }

    fn template(&self) -> &'static str {
        "{% for example in examples %}Problem:\n{{ example.question }}\n\nSolution: {{ example.answer }}\n\n\
         {% endfor %}Problem:\n{{ question }}\n\nSolution:"
    }

    fn until(&self) -> &[&str] {
        &["Problem:"]
    }
}
