//! Models of a block: which seed each belongs to, where its weights are, when it was last used.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use picklock_files::Key;
use picklock_lm::{Device, Model};
use picklock_message::Result;
use picklock_record::Change;
use picklock_sdk::LabError;
use serde::{Deserialize, Serialize};

/// How far the result of an operation is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// By all draws of a seed.
    Seed,
    /// By one draw.
    Draw,
}

/// What a model belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Lineage {
    /// How far it is shared.
    pub scope: Scope,
    /// Its seed.
    pub seed: u32,
    /// Whether it reads and writes the weak model's tokens.
    pub is_weak: bool,
}

impl Lineage {
    /// That of a copy that a trial makes.
    pub fn copy(self) -> Self {
        Self {
            scope: Scope::Draw,
            ..self
        }
    }
}

/// A model of a block: a stack of one.
pub struct CachedModel {
    /// Names it: models of one key have the same weights.
    pub key: Key,
    /// Models of one shape can be stacked.
    pub shape: Key,
    /// What it belongs to.
    pub lineage: Lineage,
    /// Bytes of its weights.
    pub bytes: u64,
    /// What the operation that made it did to the weights, where that is recorded.
    pub change: Option<Change>,
    source: Source,
    /// Digest of the weights, computed on first use.
    digest: OnceCell<String>,
    /// When it was last used, in calls of the store.
    pub(super) used: Cell<u64>,
}

/// Where a model's answers come from.
enum Source {
    /// Weights, on the device or in host memory.
    Weights(RefCell<Model>),
    /// The program that is imitated where there is no weak model.
    Program,
}

impl CachedModel {
    /// A model that is named by `key`.
    pub fn new(key: Key, lineage: Lineage, model: Model, change: Option<Change>) -> Rc<Self> {
        let types = [model.kind(), model.compute()].map(|kind| format!("{kind:?}"));
        Rc::new(Self {
            key,
            shape: Key::of(&(model.architecture().to_config(), types)),
            lineage,
            bytes: model.bytes(),
            change,
            source: Source::Weights(RefCell::new(model)),
            digest: OnceCell::new(),
            used: Cell::new(0),
        })
    }

    /// The program that is imitated where there is no weak model.
    pub fn program(key: Key, lineage: Lineage) -> Rc<Self> {
        Rc::new(Self {
            key,
            shape: Key::of(&"program"),
            lineage,
            bytes: 0,
            change: None,
            source: Source::Program,
            digest: OnceCell::new(),
            used: Cell::new(0),
        })
    }

    /// Whether it is a program, which has answers and no weights.
    pub fn is_program(&self) -> bool {
        matches!(self.source, Source::Program)
    }

    /// The digest of the weights.
    ///
    /// # Errors
    /// As [`CachedModel::model`], or where the device doesn't hand the weights over.
    pub fn digest(&self) -> Result<String> {
        if let Some(digest) = self.digest.get() {
            return Ok(digest.clone());
        }
        let digest = self.model()?.digest()?;
        Ok(self.digest.get_or_init(|| digest).clone())
    }

    /// Whether the weights are on a GPU.
    pub fn is_on_gpu(&self) -> bool {
        match &self.source {
            Source::Weights(model) => model.borrow().device() != Device::Cpu,
            Source::Program => false,
        }
    }

    /// Another handle on the weights, wherever they are.
    ///
    /// # Errors
    /// Where it is a program.
    pub fn model(&self) -> Result<Model> {
        match &self.source {
            Source::Weights(model) => Ok(model.borrow().share()),
            Source::Program => {
                let problem = "the weak model is a program: it has answers, and no weights";
                Err(LabError::invalid(problem).into())
            }
        }
    }

    /// Replaces the weights by the same ones on another device.
    pub fn relocate(&self, moved: Model) {
        if let Source::Weights(model) = &self.source {
            model.replace(moved);
        }
    }
}
