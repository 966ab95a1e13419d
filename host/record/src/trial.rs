//! What one trial leaves behind: outcomes, metrics, and the locks that it used.

use picklock_files::Key;
use picklock_sdk::Questions;
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

/// Graded answers to one set of questions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// The name that the plugin gave it.
    pub name: String,
    /// What was asked.
    pub questions: Questions,
    /// A letter for each problem: `c`orrect, `w`rong, `u`nparsed.
    pub grades: String,
    /// The generated tokens, problem by problem.
    pub answers: Vec<Vec<u32>>,
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
    /// Its value, finite.
    pub value: f64,
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

/// One trial: an arm at one seed and draw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
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
    pub measures: Vec<Measure>,
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

    /// The measure of this name.
    pub fn measure(&self, name: &str) -> Option<&Measure> {
        self.measures.iter().find(|measure| measure.name == name)
    }
}
