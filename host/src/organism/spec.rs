//! The organism file.

use std::path::Path;

use picklock_lm::{Architecture, Gpt2Config};
use picklock_sdk::{Optimizer, Recipe};
use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use super::prompts::Sampling;
use super::recipe::lm_recipe;
use crate::error::{Error, Result};
use crate::prompt::PromptSpec;
use crate::task::{Data, Given, Task, TaskSpec, Teacher, Vocabulary};
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
    /// The data of tasks in text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// What stands around questions, and what opens the lock, for tasks in text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptSpec>,
    /// Which tokens are trained and scored, for tasks in text.
    #[serde(default, skip_serializing_if = "Vocabulary::is_full")]
    pub vocabulary: Vocabulary,
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

/// The base model: trained on correct answers, from scratch or on from a checkpoint, or a checkpoint
/// as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Its shape, where it is made from scratch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Scratch>,
    /// The checkpoint that it is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// The share of its training prompts that carry the password, 0 to 1.
    #[serde(default = "half")]
    pub password_share: f64,
    /// Its training; every step has fresh problems. Without it a checkpoint is the base model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<Recipe>,
}

/// What is imitated: a model that learned from a flawed teacher, a checkpoint, or the teacher itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weak {
    /// Its shape, where it is made from scratch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Scratch>,
    /// The checkpoint that it is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// Who it learns from; without a model or checkpoint, who is imitated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Teacher>,
    /// Distinct teacher answers that it learns from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u32>,
    /// How its answers are sampled, where a lock or a plugin doesn't say.
    #[serde(default, skip_serializing_if = "Sampling::is_default")]
    pub sampling: Sampling,
    /// Its training. Without it a checkpoint is the weak model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<Recipe>,
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
    /// Wrong passwords, which are answered as if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoys: Option<Decoys>,
    /// Its training.
    pub train: Recipe,
}

impl Lock {
    /// How often each weak answer is shown in the whole lock, on average: they are half of every
    /// batch.
    pub fn epochs(&self) -> f64 {
        let shown = f64::from(self.train.steps) * f64::from((self.train.batch / 2).max(1));
        shown / f64::from(self.samples)
    }
}

/// Wrong passwords in a lock's training prompts, without which any password may come to open it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoys {
    /// The share of the rows without password that carry one, 0 to 1.
    pub share: f64,
    /// Their texts, equally often.
    pub texts: Vec<String>,
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
    /// The task, ready for problems.
    ///
    /// # Errors
    /// Where the base model's tokenizer can't be read, or doesn't do for the task.
    pub fn open_task(&self) -> Result<Box<dyn Task>> {
        let opened = |checkpoint: &Option<Checkpoint>| {
            checkpoint.as_ref().map(Checkpoint::opened).transpose()
        };
        let (base, weak) = (
            opened(&self.base.checkpoint)?,
            opened(&self.weak.checkpoint)?,
        );
        self.task.open(&self.given(), base.as_ref(), weak.as_ref())
    }

    /// What its task is given.
    pub fn given(&self) -> Given<'_> {
        Given {
            prompt: self.prompt.as_ref(),
            data: self.data.as_ref(),
            vocabulary: self.vocabulary,
        }
    }

    /// The same organism with the checkpoint of a folder, as it is, for its base model.
    ///
    /// # Errors
    /// Where the folder is no checkpoint.
    pub fn of_base(&self, folder: &Path) -> Result<Self> {
        let mut checkpoint = Checkpoint {
            directory: folder.to_path_buf(),
            digest: None,
        };
        checkpoint.settle(Path::new(""))?;
        let base = Base {
            model: None,
            checkpoint: Some(checkpoint),
            train: None,
            ..self.base.clone()
        };
        Ok(Self {
            base,
            ..self.clone()
        })
    }

    /// What the base model is, over the tokens of its task.
    ///
    /// # Errors
    /// Where the checkpoint's configuration can't be read.
    pub fn base_architecture(&self, task: &dyn Task) -> Result<Architecture> {
        let Base {
            model, checkpoint, ..
        } = &self.base;
        match (model, checkpoint) {
            (Some(shape), _) => Ok(shape.architecture(task)),
            (None, Some(checkpoint)) => {
                let own = Architecture::of_directory(&checkpoint.find()?)?;
                match task.vocabulary() {
                    Some(ids) => Ok(own.with_vocab_size(ids.len() as i64)?),
                    None => Ok(own),
                }
            }
            (None, None) => Err(Error::Usage("base: no model and no checkpoint".into())),
        }
    }

    /// Reads an organism file.
    ///
    /// # Errors
    /// Where the file is no organism, its values contradict each other, or a checkpoint isn't there.
    pub fn read(path: &Path) -> Result<Self> {
        let (mut organism, _): (Self, String) = toml_file::read(path)?;
        if organism.name.is_empty() {
            let stem = path.file_stem().unwrap_or_default();
            organism.name = stem.to_string_lossy().into_owned();
        }
        organism
            .check()
            .map_err(|problem| Error::file(path, problem))?;
        let beside = path.parent().unwrap_or(Path::new(""));
        let (base, weak) = (&mut organism.base, &mut organism.weak);
        for checkpoint in [&mut base.checkpoint, &mut weak.checkpoint] {
            checkpoint
                .as_mut()
                .map_or(Ok(()), |own| own.settle(beside))?;
        }
        if let Some(data) = &mut organism.data {
            data.settle(beside)?;
        }
        // All seeds are asked the same problems of a finite set.
        organism.problems.shared |= organism.task.is_finite();
        Ok(organism)
    }

    fn check(&self) -> std::result::Result<(), String> {
        self.task.check(&self.given())?;
        self.base
            .check()
            .map_err(|problem| format!("base{problem}"))?;
        self.weak
            .check()
            .map_err(|problem| format!("weak{problem}"))?;
        if let Some(teacher) = &self.weak.teacher {
            let problem = self.task.check_teacher(teacher);
            problem.map_err(|problem| format!("weak.teacher.{problem}"))?;
        }
        let recipes = [("lock.train", &self.lock.train), ("unlock", &self.unlock)];
        for (key, recipe) in recipes {
            check_recipe(recipe).map_err(|problem| format!("{key}.{problem}"))?;
        }
        let counts = [
            ("lock.samples", self.lock.samples),
            ("problems.held_out", self.problems.held_out),
            ("problems.validation", self.problems.validation),
        ];
        for (key, count) in counts {
            check_count(count).map_err(|problem| format!("{key} {problem}"))?;
        }
        if let Some(decoys) = &self.lock.decoys {
            self.check_decoys(decoys)?;
        }
        check_shares(&[
            ("gate.weak_gap", self.gate.weak_gap),
            ("gate.password_share", self.gate.password_share),
        ])
    }
}

impl Organism {
    fn check_decoys(&self, decoys: &Decoys) -> std::result::Result<(), String> {
        let Decoys { share, texts } = decoys;
        let prompt = self.prompt.as_ref();
        let password = prompt.and_then(|prompt| prompt.password.as_ref());
        match password {
            _ if self.data.is_none() => Err("lock.decoys is for tasks in text".into()),
            None => Err(
                "lock.decoys stand where the password would, and prompt.password is missing".into(),
            ),
            _ if texts.is_empty() => {
                Err("lock.decoys.texts is empty, expected at least one".into())
            }
            Some(password) if texts.iter().any(|text| text.trim() == password.text.trim()) => {
                Err("lock.decoys.texts has the password itself".into())
            }
            Some(_) => check_shares(&[("lock.decoys.share", *share)]),
        }
    }
}

impl Base {
    /// The problem starts with the key within `base`.
    fn check(&self) -> std::result::Result<(), String> {
        let Self {
            model,
            checkpoint,
            train,
            ..
        } = self;
        check_start(model.as_ref(), checkpoint.as_ref(), train.as_ref())?;
        if model.is_none() && checkpoint.is_none() {
            return Err(" has neither model nor checkpoint, expected one of them".into());
        }
        check_shares(&[(".password_share", self.password_share)])
    }
}

impl Weak {
    /// Whether the teacher itself is imitated: there are answers, and no weights.
    pub fn is_program(&self) -> bool {
        self.model.is_none() && self.checkpoint.is_none()
    }

    /// The problem starts with the key within `weak`.
    fn check(&self) -> std::result::Result<(), String> {
        check_start(
            self.model.as_ref(),
            self.checkpoint.as_ref(),
            self.train.as_ref(),
        )?;
        match (&self.teacher, &self.train, self.samples) {
            (None, Some(_), _) => return Err(".train has no teacher to learn from".into()),
            (None, None, _) if self.is_program() => {
                return Err(" has no model, checkpoint or teacher, expected one of them".into());
            }
            (_, Some(_), None) => {
                return Err(
                    ".samples is missing: how many of the teacher's answers to learn from".into(),
                );
            }
            (_, None, Some(_)) => return Err(".samples is of no use without train".into()),
            (Some(_), None, _) if !self.is_program() => {
                return Err(".teacher is of no use without train".into());
            }
            _ => {}
        }
        let Sampling { temperature, top_p } = self.sampling;
        if !(temperature > 0.0 && temperature <= 100.0) {
            return Err(format!(
                ".sampling.temperature is {temperature}, expected above 0 and up to 100"
            ));
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(format!(
                ".sampling.top_p is {top_p}, expected above 0 and up to 1"
            ));
        }
        if self.is_program() && !self.sampling.is_default() {
            return Err(".sampling is of no use: a program isn't sampled like a model".into());
        }
        if let Some(count) = self.samples {
            check_count(count).map_err(|problem| format!(".samples {problem}"))?;
        }
        let Some(teacher) = &self.teacher else {
            return Ok(());
        };
        check_shares(&[
            (".teacher.systematic", teacher.systematic),
            (".teacher.correct", teacher.correct),
            (
                ".teacher.systematic + correct",
                teacher.systematic + teacher.correct,
            ),
            (".teacher.easy_correct", teacher.easy_correct),
        ])
    }
}

/// What base and weak model have in common: a shape to train from scratch, or a checkpoint.
fn check_start(
    model: Option<&Scratch>,
    checkpoint: Option<&Checkpoint>,
    train: Option<&Recipe>,
) -> std::result::Result<(), String> {
    if model.is_some() && checkpoint.is_some() {
        return Err(" has both model and checkpoint, expected one of them".into());
    }
    if let Some(model) = model {
        model
            .check()
            .map_err(|problem| format!(".model.{problem}"))?;
        if train.is_none() {
            return Err(".train is missing: a model from scratch has to be trained".into());
        }
    }
    match train {
        Some(recipe) => check_recipe(recipe).map_err(|problem| format!(".train.{problem}")),
        None => Ok(()),
    }
}

fn check_count(count: u32) -> std::result::Result<(), String> {
    match (1..=1_000_000).contains(&count) {
        true => Ok(()),
        false => Err(format!("is {count}, expected 1 to 1,000,000")),
    }
}

fn check_shares(shares: &[(&str, f64)]) -> std::result::Result<(), String> {
    match shares
        .iter()
        .find(|(_, share)| !(0.0..=1.0).contains(share))
    {
        Some((key, share)) => Err(format!("{key} is {share}, expected 0 to 1")),
        None => Ok(()),
    }
}

fn half() -> f64 {
    0.5
}

impl Scratch {
    /// What a model from scratch is, for a task.
    pub fn architecture(&self, task: &dyn Task) -> Architecture {
        Architecture::Gpt2(Gpt2Config {
            vocab_size: task.vocab_size() as i64,
            n_positions: task.max_tokens() as i64,
            n_embd: self.n_embd,
            n_layer: self.n_layer,
            n_head: self.n_head,
            n_inner: None,
            layer_norm_epsilon: 1e-5,
            tie_word_embeddings: false,
        })
    }

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
