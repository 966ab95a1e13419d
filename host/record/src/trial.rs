//! What one trial leaves behind: outcomes, metrics, and the locks that it used.

use picklock_files::Key;
use picklock_grade::Grade;
use picklock_sdk::Questions;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// One replicate of an experiment: a seed, and a choice of weak samples within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Member {
    /// The replicate of base, weak model and lock.
    pub seed: u32,
    /// The choice of weak samples.
    pub draw: u32,
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "status")]
pub enum Outcome {
    /// Everything that the plugin asked for was done.
    Done,
    /// It failed, alone.
    Failed {
        /// Why.
        reason: String,
    },
}

/// The generated tokens, problem by problem: most of a journal.
pub type Answers = Vec<Vec<u32>>;

/// A trial that was read without its answers.
pub type GradedTrial = TrialRecord<IgnoredAny>;

/// A measure that was read without its answers.
pub type GradedMeasure = Measure<IgnoredAny>;

/// Graded answers to one set of questions; `A` is what is kept of the answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure<A = Answers> {
    /// The name that the plugin gave it.
    pub name: String,
    /// What was asked.
    pub questions: Questions,
    /// A letter for each problem: `c`orrect, `w`rong, `u`nparsed.
    pub grades: String,
    /// The generated tokens, problem by problem.
    pub answers: A,
}

/// What an operation did to weights of which some bits are dropped: those that are kept or computed
/// with in bfloat16. In float32 as good as every weight changes, and noise is what was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum Change {
    /// A training, from its start to this copy.
    Training {
        /// The share of weights that changed, 0 to 1.
        weights: f64,
        /// The share that changed as passes compute with them.
        computed: f64,
    },
    /// Noise.
    Noise {
        /// The norm that was asked for, over all tensors.
        asked: f64,
        /// The norm of what passes compute with, less what they did before.
        computed: f64,
    },
}

/// A number that the plugin recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its value; none where it was no finite number, which JSON writes as null.
    pub value: Option<f64>,
}

/// Accuracies, 0 to 1, on the validation problems: what the gate looks at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateRecord {
    /// Of the base model, where there is one.
    pub base: Option<f64>,
    /// Of the weak model, where there is one.
    pub weak: Option<f64>,
    /// Of the locked model, without password.
    pub locked: f64,
    /// Of the locked model, with the password, where the lock trains one.
    pub password: Option<f64>,
}

/// A lock that a trial used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LockRecord {
    /// The lock specification's key; of a copy on the way the key of that and the step.
    pub spec: Key,
    /// Of a copy on the way, the steps done. The gate judges whole locks alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
    /// SHA-256 of the locked model's weights.
    pub digest: String,
    /// How the lock did.
    pub gate: GateRecord,
}

/// One trial: an arm at one seed and draw; `A` is what is kept of its answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord<A = Answers> {
    /// Seed and draw.
    #[serde(flatten)]
    pub member: Member,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The locks that it used, in order.
    pub locks: Vec<LockRecord>,
    /// What its trainings and noises did to the weights, in order, where those are not all float32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What it recorded, in order.
    pub metrics: Vec<Metric>,
    /// What it measured, in order.
    pub measures: Vec<Measure<A>>,
}

impl TrialRecord {
    /// A trial that has not measured anything.
    pub fn new(member: Member, outcome: Outcome) -> Self {
        Self {
            member,
            outcome,
            locks: Vec::new(),
            changes: Vec::new(),
            metrics: Vec::new(),
            measures: Vec::new(),
        }
    }
}

impl<A> TrialRecord<A> {
    /// Whether it did all that its plugin asked for.
    pub fn is_done(&self) -> bool {
        self.outcome == Outcome::Done
    }

    /// The measure of this name.
    pub fn measure(&self, name: &str) -> Option<&Measure<A>> {
        self.measures.iter().find(|measure| measure.name == name)
    }

    /// The metric of this name.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let metric = self.metrics.iter().find(|metric| metric.name == name)?;
        metric.value
    }

    /// What no trial can have recorded, in words.
    pub fn nonsense(&self) -> Option<String> {
        self.measures
            .iter()
            .find_map(|Measure { name, grades, .. }| {
                let mut letters = grades.chars();
                let letter = letters.find(|letter| Grade::from_letter(*letter).is_none())?;
                Some(format!(
                    "measure {name}: grade `{letter}`, expected c, w or u"
                ))
            })
    }
}

impl<A> Measure<A> {
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
