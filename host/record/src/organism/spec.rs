//! The organism file.

use std::path::Path;

use picklock_family::{Architecture, Gpt2Config};
use picklock_files::toml_file;
use picklock_message::{Error, Result};
use picklock_sdk::Recipe;
use picklock_task::{Data, Given, PromptSpec, Task, TaskSpec, Teacher, Vocabulary};
use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use super::sampling::Sampling;

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
    /// The model to unlock, where it is locked already; else it is made of the next three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<Checkpoint>,
    /// The capable model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// The model that is imitated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weak: Option<Weak>,
    /// How locked models are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    /// How copies are unlocked.
    pub unlock: Recipe,
    /// How many problems are asked.
    pub problems: Problems,
    /// What a lock must do to be worth unlocking.
    #[serde(default)]
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
    /// How often each weak answer is shown, on average, in place of `train.steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    /// Its training.
    pub train: Recipe,
}

impl Lock {
    /// How often each weak answer is shown in the whole lock, on average.
    pub fn epochs(&self) -> f64 {
        f64::from(self.train.steps) * self.shown() / f64::from(self.samples)
    }

    /// Weak answers that a step shows: half of its batch.
    fn shown(&self) -> f64 {
        f64::from((self.train.batch / 2).max(1))
    }

    /// Turns epochs into steps; the problem starts with the key.
    fn set_steps(&mut self) -> std::result::Result<(), String> {
        let Some(epochs) = self.epochs else {
            return Ok(());
        };
        let steps = (epochs * f64::from(self.samples) / self.shown()).ceil();
        if !(1.0..=1e7).contains(&steps) {
            return Err(format!(
                "lock.epochs is {epochs}, which makes {steps} steps, expected 1 to 10,000,000"
            ));
        }
        let (given, steps) = (self.train.steps, steps as u32);
        if given != 0 && given != steps {
            return Err(format!(
                "lock.epochs makes {steps} steps, and lock.train.steps is {given}; give one of them"
            ));
        }
        self.train.steps = steps;
        Ok(())
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

impl Default for Gate {
    /// The bounds of the shipped organisms.
    fn default() -> Self {
        Self {
            weak_gap: 0.25,
            password_share: 0.9,
        }
    }
}

impl Organism {
    /// The task, ready for problems, in the tokens of its locked models.
    ///
    /// # Errors
    /// Where a tokenizer can't be read, or doesn't do for the task.
    pub fn open_task(&self) -> Result<Box<dyn Task>> {
        self.check_tokens()?;
        let weak = self.weak.as_ref().and_then(|weak| weak.checkpoint.as_ref());
        let own = self.checkpoint().map(Checkpoint::opened).transpose()?;
        let weak = weak.map(Checkpoint::opened).transpose()?;
        self.task
            .open(&self.given(), own.as_ref(), weak.as_ref())
            .map_err(|error| self.named(error))
    }

    /// The same error with the organism's name, where it says no place.
    pub fn named(&self, error: Error) -> Error {
        match error {
            Error::Usage(problem) => Error::Usage(format!("{}: {problem}", self.name)),
            error => error,
        }
    }

    /// What its task is given.
    pub fn given(&self) -> Given<'_> {
        Given {
            prompt: self.prompt.as_ref(),
            data: self.data.as_ref(),
            vocabulary: self.vocabulary,
            decoys: self.decoys(),
        }
    }

    /// What may stand in a password's place while the lock is trained.
    fn decoys(&self) -> &[String] {
        let decoys = self.lock.as_ref().and_then(|lock| lock.decoys.as_ref());
        decoys.map_or(&[], |decoys| &decoys.texts)
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
        checkpoint.resolve(Path::new(""))?;
        Ok(Self {
            base: Some(Base {
                model: None,
                checkpoint: Some(checkpoint),
                password_share: half(),
                train: None,
            }),
            locked: None,
            ..self.clone()
        })
    }

    /// What its locked models are, over the tokens of its task.
    ///
    /// # Errors
    /// Where the checkpoint's configuration can't be read.
    pub fn architecture(&self, task: &dyn Task) -> Result<Architecture> {
        let Some(checkpoint) = self.checkpoint() else {
            let shape = self.base()?.model.as_ref().map(|it| it.architecture(task));
            return shape.ok_or_else(|| Error::Usage("base: no model and no checkpoint".into()));
        };
        let own = Architecture::of_directory(&checkpoint.find()?)?;
        match task.vocabulary() {
            Some(ids) => Ok(own.with_vocab_size(ids.len() as i64)?),
            None => Ok(own),
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
        let lock = organism.lock.as_mut();
        lock.map_or(Ok(()), Lock::set_steps)
            .and_then(|()| organism.check())
            .map_err(|problem| Error::file(path, problem))?;
        let beside = path.parent().unwrap_or(Path::new(""));
        let base = organism.base.as_mut();
        let weak = organism.weak.as_mut();
        let checkpoints = [
            organism.locked.as_mut(),
            base.and_then(|base| base.checkpoint.as_mut()),
            weak.and_then(|weak| weak.checkpoint.as_mut()),
        ];
        let checkpoints = checkpoints.into_iter().flatten();
        let mut resolved: Vec<_> = checkpoints.map(|it| it.resolve(beside)).collect();
        resolved.extend(
            organism
                .data
                .as_mut()
                .map(|data| data.record_digests(beside)),
        );
        resolved.push(organism.task.record_digests());
        all_of(resolved)?;
        // All seeds are asked the same problems of a finite set.
        organism.problems.shared |= organism.task.is_finite();
        Ok(organism)
    }
}

impl Weak {
    /// Whether the teacher itself is imitated: there are answers, and no weights.
    pub fn is_program(&self) -> bool {
        self.model.is_none() && self.checkpoint.is_none()
    }
}

/// The errors of all of these as one: several missing files are reported at once.
fn all_of(results: Vec<Result<()>>) -> Result<()> {
    let mut errors: Vec<Error> = results.into_iter().filter_map(Result::err).collect();
    errors.dedup_by_key(|error| error.to_string());
    if errors.len() > 1 {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        return Err(Error::Usage(lines.join("; ")));
    }
    errors.pop().map_or(Ok(()), Err)
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
}
