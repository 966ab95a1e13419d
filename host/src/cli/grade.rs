//! `picklock grade`: try a grader on pairs of answers.

use std::path::PathBuf;

use clap::Args;
use picklock_grade::{Agreement, Case, Grade, Grader, Tally, cases, shown};
use picklock_message::{Exit, Result, sayln, tell};
use serde::Deserialize;
use serde_json::json;

/// Grade pairs of answers, and say how often the grader agrees with what is expected.
#[derive(Args)]
pub struct GradeFile {
    /// A file with a JSON object on each line: candidate, reference, expected (true, false or null).
    file: PathBuf,
    /// exact, number, math, or a table as in an organism file: '{ regex = { pattern = "..." } }'.
    #[arg(long, default_value = "math", value_name = "GRADER", value_parser = grader)]
    grader: Grader,
    /// Print JSON, one object for each pair and one for the sum.
    #[arg(long)]
    json: bool,
}

/// Reads a grader's name or table.
fn grader(text: &str) -> std::result::Result<Grader, String> {
    #[derive(Deserialize)]
    struct File {
        grader: Grader,
    }
    if let Some(grader) = Grader::named(text) {
        return Ok(grader);
    }
    let expected = "expected exact, number, math, { regex = ... } or { program = ... }";
    if !text.trim_start().starts_with('{') {
        return Err(expected.into());
    }
    let file: File = toml::from_str(&format!("grader = {text}")).map_err(|error| {
        let problem = error.message().lines().next().unwrap_or_default();
        format!("{expected}: {problem}")
    })?;
    Ok(file.grader)
}

impl GradeFile {
    /// Runs the command; [`Exit::SomeFailed`] where an answer could not be graded.
    ///
    /// # Errors
    /// Where the file or one of its lines can't be read.
    pub fn main(&self) -> Result<Exit> {
        let cases = cases::read(&self.file)?;
        let (mut tally, mut failed) = (Tally::default(), false);
        for (line, case) in &cases {
            let grade = self.grader.grade(&case.reference, &case.candidate);
            let (grade, error) = match grade {
                Ok(grade) => (Some(grade), None),
                Err(error) => {
                    tell!("picklock: {}:{line}: {error}", self.file.display());
                    failed = true;
                    (None, Some(error.to_string()))
                }
            };
            let agreement = Agreement::of(case, grade);
            tally.add(agreement);
            let word = grade.map_or("error", Grade::word);
            self.show(*line, case, (word, error), agreement.words());
        }
        self.sum(&tally);
        Ok(if failed { Exit::SomeFailed } else { Exit::Done })
    }

    fn show(
        &self,
        line: usize,
        case: &Case,
        (grade, error): (&str, Option<String>),
        agreement: &str,
    ) {
        if self.json {
            let mut object = json!({
                "line": line,
                "grade": grade,
                "expected": case.expected,
                "agreement": agreement,
            });
            if let Some(error) = error {
                object["error"] = error.into();
            }
            sayln!("{object}");
            return;
        }
        let (candidate, reference) = (shown(&case.candidate), shown(&case.reference));
        sayln!("{line:>5}  {grade:<8}  {agreement:<14}  {candidate}  for  {reference}");
    }

    fn sum(&self, tally: &Tally) {
        let (agreed, counted) = (tally.agreed(), tally.counted);
        let (missed, accepted) = (tally.true_missed, tally.false_accepted);
        let failed = tally.not_graded;
        if self.json {
            let object = json!({
                "agreed": agreed,
                "of": counted,
                "true_missed": missed,
                "false_accepted": accepted,
                "not_graded": failed,
            });
            sayln!("{object}");
            return;
        }
        let failed = match failed {
            0 => String::new(),
            failed => format!(", not graded {failed}"),
        };
        sayln!(
            "agreed {agreed} of {counted}, true missed {missed}, false accepted {accepted}{failed}"
        );
    }
}
