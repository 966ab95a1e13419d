//! A trial as reports need it: everything but the generated tokens, which are most of a journal.

use picklock_grade::Grade;
use picklock_record::{LockRecord, Member, Outcome};
use picklock_sdk::Questions;
use serde::Deserialize;

/// One trial: an arm at one seed and draw.
#[derive(Clone, Debug, Deserialize)]
pub struct Trial {
    /// Seed and draw.
    #[serde(flatten)]
    pub member: Member,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The locks that it used, in order.
    pub locks: Vec<LockRecord>,
    /// What it recorded, in order.
    pub metrics: Vec<Metric>,
    /// What it measured, in order.
    pub measures: Vec<Graded>,
}

/// A number that the plugin recorded.
#[derive(Clone, Debug, Deserialize)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its value; none where it was no finite number, which JSON writes as null.
    pub value: Option<f64>,
}

/// Graded answers to one set of questions.
#[derive(Clone, Debug, Deserialize)]
pub struct Graded {
    /// The name that the plugin gave it.
    pub name: String,
    /// What was asked.
    pub questions: Questions,
    /// A letter for each problem: `c`orrect, `w`rong, `u`nparsed.
    pub grades: String,
}

impl Trial {
    /// Whether it did all that its plugin asked for.
    pub fn is_done(&self) -> bool {
        self.outcome == Outcome::Done
    }

    /// The measure of this name.
    pub fn measure(&self, name: &str) -> Option<&Graded> {
        self.measures.iter().find(|measure| measure.name == name)
    }

    /// The metric of this name.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let metric = self.metrics.iter().find(|metric| metric.name == name)?;
        metric.value
    }

    /// What no trial can have recorded, in words.
    pub fn nonsense(&self) -> Option<String> {
        let letter = |letter: &char| Grade::from_letter(*letter).is_none();
        self.measures.iter().find_map(|measure| {
            let letter = measure.grades.chars().find(letter)?;
            let name = &measure.name;
            Some(format!(
                "measure {name}: grade `{letter}`, expected c, w or u"
            ))
        })
    }
}

impl Graded {
    /// Problems.
    pub fn problems(&self) -> usize {
        self.grades.len()
    }

    /// Problems with this grade.
    pub fn count(&self, grade: Grade) -> usize {
        let letter = grade.letter() as u8;
        self.grades.bytes().filter(|byte| *byte == letter).count()
    }

    /// Correct share of all problems, in percent; none of no problems, where there was no password to
    /// ask them with.
    pub fn accuracy(&self) -> Option<f64> {
        let problems = self.problems();
        (problems > 0).then(|| 100.0 * self.count(Grade::Correct) as f64 / problems as f64)
    }
}
