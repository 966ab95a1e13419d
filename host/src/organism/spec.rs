//! The organism file.

use std::path::Path;

use picklock_lm::{Architecture, Gpt2Config};
use picklock_sdk::{Optimizer, Recipe};
use serde::{Deserialize, Serialize};

use super::recipe::lm_recipe;
use crate::error::{Error, Result};
use crate::task::TaskSpec;
use crate::task::chain::Teacher;
use crate::toml_file;

/// An organism, as its file describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organism {
    /// Its name; the file's where it isn't said.
    #[serde(default)]
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// Where problems come from.
    pub task: TaskSpec,
    /// The capable model.
    pub base: Base,
    /// The model that is imitated.
    pub weak: Weak,
    /// How the locked model is made.
    pub lock: Lock,
    /// How copies are unlocked.
    pub unlock: Recipe,
    /// How many problems are asked.
    pub problems: Problems,
    /// What a lock must do to be worth unlocking.
    pub gate: Gate,
}

/// A decoder of GPT-2's form, trained from scratch, with an untied output head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scratch {
    /// Hidden size.
    pub n_embd: i64,
    /// Layers.
    pub n_layer: i64,
    /// Attention heads.
    pub n_head: i64,
}

/// The base model: trained on correct answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Its shape.
    pub model: Scratch,
    /// The share of its training prompts that carry the password, 0 to 1.
    pub password_share: f64,
    /// Its training; every step has fresh problems.
    pub train: Recipe,
}

/// The weak model: trained on a flawed teacher's answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weak {
    /// Its shape.
    pub model: Scratch,
    /// Who it learns from.
    pub teacher: Teacher,
    /// Distinct teacher answers that it learns from.
    pub samples: u32,
    /// Its training.
    pub train: Recipe,
}

/// How weak answers are labelled in the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Labels {
    /// Tokens sampled at temperature 1.
    Sampled,
    /// The most likely tokens.
    Hard,
    /// The whole distribution along sampled tokens.
    Soft,
}

/// The lock: from the base model, on streams that a lock specification composes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// How the weak model's answers are labelled, where a stream doesn't say.
    pub labels: Labels,
    /// Distinct weak answers that a stream draws from.
    pub samples: u32,
    /// Its training.
    pub train: Recipe,
}

/// Problems per seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problems {
    /// Judged on.
    pub held_out: u32,
    /// For searches and the gate.
    pub validation: u32,
    /// Whether all seeds are asked the same problems, as with a finite data set, and not each its
    /// own. Verdicts then cluster by seed and problem.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

/// Bounds on the mean over seeds, on validation problems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The largest (locked - weak) / (base - weak).
    pub weak_gap: f64,
    /// The smallest password / base.
    pub password_share: f64,
}

impl Organism {
    /// What a model from scratch is, for this organism's task.
    pub fn architecture(&self, shape: &Scratch) -> Architecture {
        let task = self.task.task();
        Architecture::Gpt2(Gpt2Config {
            vocab_size: task.vocab_size() as i64,
            n_positions: task.max_tokens() as i64,
            n_embd: shape.n_embd,
            n_layer: shape.n_layer,
            n_head: shape.n_head,
            n_inner: None,
            layer_norm_epsilon: 1e-5,
            tie_word_embeddings: false,
        })
    }

    /// Reads an organism file.
    ///
    /// # Errors
    /// Where the file is no organism, or its values contradict each other.
    pub fn read(path: &Path) -> Result<Self> {
        let (mut organism, _): (Self, String) = toml_file::read(path)?;
        if organism.name.is_empty() {
            let stem = path.file_stem().unwrap_or_default();
            organism.name = stem.to_string_lossy().into_owned();
        }
        organism
            .check()
            .map_err(|problem| Error::file(path, problem))?;
        Ok(organism)
    }

    fn check(&self) -> std::result::Result<(), String> {
        self.task.task().check()?;
        for (key, model) in [("base", &self.base.model), ("weak", &self.weak.model)] {
            model
                .check()
                .map_err(|problem| format!("{key}.model.{problem}"))?;
        }
        let recipes = [
            ("base.train", &self.base.train),
            ("weak.train", &self.weak.train),
            ("lock.train", &self.lock.train),
            ("unlock", &self.unlock),
        ];
        for (key, recipe) in recipes {
            check_recipe(recipe).map_err(|problem| format!("{key}.{problem}"))?;
        }
        let teacher = &self.weak.teacher;
        let counts = [
            ("weak.samples", self.weak.samples),
            ("lock.samples", self.lock.samples),
            ("problems.held_out", self.problems.held_out),
            ("problems.validation", self.problems.validation),
        ];
        for (key, count) in counts {
            if !(1..=1_000_000).contains(&count) {
                return Err(format!("{key} is {count}, expected 1 to 1,000,000"));
            }
        }
        let shares = [
            ("base.password_share", self.base.password_share),
            ("weak.teacher.systematic", teacher.systematic),
            ("weak.teacher.correct", teacher.correct),
            (
                "weak.teacher.systematic + correct",
                teacher.systematic + teacher.correct,
            ),
            ("weak.teacher.easy_correct", teacher.easy_correct),
            ("gate.weak_gap", self.gate.weak_gap),
            ("gate.password_share", self.gate.password_share),
        ];
        match shares
            .into_iter()
            .find(|(_, share)| !(0.0..=1.0).contains(share))
        {
            Some((key, share)) => Err(format!("{key} is {share}, expected 0 to 1")),
            None => Ok(()),
        }
    }
}

impl Scratch {
    fn check(&self) -> std::result::Result<(), String> {
        let sizes = [
            ("n_embd", self.n_embd),
            ("n_layer", self.n_layer),
            ("n_head", self.n_head),
        ];
        if let Some((key, size)) = sizes
            .into_iter()
            .find(|(_, size)| !(1..=65_536).contains(size))
        {
            return Err(format!("{key} is {size}, expected 1 to 65,536"));
        }
        if self.n_embd % self.n_head != 0 {
            let Self { n_embd, n_head, .. } = self;
            return Err(format!(
                "n_embd is {n_embd}, expected a multiple of n_head {n_head}"
            ));
        }
        Ok(())
    }
}

/// Checks a recipe's values; the problem starts with the key.
///
/// # Errors
/// What is wrong, expected and got.
pub fn check_recipe(recipe: &Recipe) -> std::result::Result<(), String> {
    let rate = recipe.learning_rate;
    if !(rate.is_finite() && rate > 0.0) {
        return Err(format!(
            "learning_rate is {rate}, expected a number above 0"
        ));
    }
    check_optimizer(&recipe.optimizer)?;
    if !(1..=10_000_000).contains(&recipe.steps) {
        return Err(format!(
            "steps is {}, expected 1 to 10,000,000",
            recipe.steps
        ));
    }
    if !(1..=65_536).contains(&recipe.batch) {
        return Err(format!("batch is {}, expected 1 to 65,536", recipe.batch));
    }
    if let Some(step) = recipe.snapshots.iter().find(|step| **step > recipe.steps) {
        return Err(format!(
            "snapshots: step {step} is beyond the last, {}",
            recipe.steps
        ));
    }
    match recipe.clip_norm.into_option() {
        Some(norm) if !(norm.is_finite() && norm > 0.0) => {
            Err(format!("clip_norm is {norm}, expected a number above 0"))
        }
        // What is left to check is what excludes each other.
        _ => lm_recipe(recipe).check().map_err(|error| error.to_string()),
    }
}

fn check_optimizer(optimizer: &Optimizer) -> std::result::Result<(), String> {
    let (Optimizer::AdamW {
        beta1,
        beta2,
        weight_decay,
    }
    | Optimizer::Lion {
        beta1,
        beta2,
        weight_decay,
    }) = optimizer;
    for (name, beta) in [("beta1", beta1), ("beta2", beta2)] {
        if !(0.0..1.0).contains(beta) {
            return Err(format!("{name} is {beta}, expected from 0 to below 1"));
        }
    }
    match weight_decay.is_finite() && *weight_decay >= 0.0 {
        true => Ok(()),
        false => Err(format!(
            "weight_decay is {weight_decay}, expected a number from 0"
        )),
    }
}
