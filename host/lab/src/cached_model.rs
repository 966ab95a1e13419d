//! Models on the bench: whose they are, where their weights lie, and when they were last used.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use picklock_files::Key;
use picklock_lm::{Device, Model};
use picklock_message::Result;
use picklock_record::Change;

use crate::operation::{Operation, Product, Scope};

/// A model on the bench: a stack of one.
pub struct CachedModel {
    /// Names it: models of one key have the same weights.
    pub key: Key,
    /// Models of one shape can be stacked.
    pub shape: Key,
    /// How far it is shared.
    pub scope: Scope,
    /// The seed that it belongs to.
    pub seed: u32,
    /// Whether it reads and writes the weak model's tokens.
    pub is_weak: bool,
    /// Bytes of its weights.
    pub bytes: u64,
    /// What the operation that made it did to the weights, where that is recorded.
    pub change: Option<Change>,
    /// Whether it stands for a program, which has answers and no weights.
    pub is_program: bool,
    /// The weights, on the device or in host memory; a program's are the base model's, and unused.
    model: RefCell<Model>,
    /// Whether they are on a GPU.
    here: Cell<bool>,
    /// Their digest, made when first asked for.
    digest: OnceCell<String>,
    /// When it was last asked for, in calls of the bench.
    pub(super) used: Cell<u64>,
}

/// Whose a model is.
#[derive(Clone, Copy, Debug)]
pub struct Lineage {
    /// How far it is shared.
    pub scope: Scope,
    /// Its seed.
    pub seed: u32,
    /// Whether it reads and writes the weak model's tokens.
    pub is_weak: bool,
}

impl CachedModel {
    /// Takes a model that is named by `key`, of a shape and lineage.
    pub fn new(key: Key, shape: &Key, lineage: Lineage, model: Model) -> Rc<Self> {
        Self::changed(key, shape, lineage, model, None)
    }

    /// The same of a model of which a change is to be recorded.
    pub fn changed(
        key: Key,
        shape: &Key,
        lineage: Lineage,
        model: Model,
        change: Option<Change>,
    ) -> Rc<Self> {
        let Lineage {
            scope,
            seed,
            is_weak,
        } = lineage;
        Rc::new(Self {
            key,
            shape: shape.clone(),
            scope,
            seed,
            is_weak,
            bytes: model.bytes(),
            is_program: false,
            change,
            here: Cell::new(model.device() != Device::Cpu),
            model: RefCell::new(model),
            digest: OnceCell::new(),
            used: Cell::new(0),
        })
    }

    /// Stands for the program that is imitated where there is no weak model.
    pub(super) fn program(seed: u32, base: &Rc<Self>) -> Rc<Self> {
        Rc::new(Self {
            key: Operation::Weak { seed }.key(),
            shape: Key::of(&"program"),
            scope: Scope::Seed,
            seed,
            is_weak: true,
            bytes: 0,
            change: None,
            is_program: true,
            here: Cell::new(base.is_here()),
            model: RefCell::new(base.model()),
            digest: OnceCell::new(),
            used: Cell::new(0),
        })
    }

    /// Whose a copy is that a trial has made.
    pub fn copy_lineage(&self) -> Lineage {
        let Self { seed, is_weak, .. } = *self;
        Lineage {
            scope: Scope::Draw,
            seed,
            is_weak,
        }
    }

    /// The digest of the weights.
    ///
    /// # Errors
    /// Where the device doesn't hand them over.
    pub fn digest(&self) -> Result<String> {
        if let Some(digest) = self.digest.get() {
            return Ok(digest.clone());
        }
        let digest = self.model().digest()?;
        Ok(self.digest.get_or_init(|| digest).clone())
    }

    /// Whether the weights are on a GPU.
    pub fn is_here(&self) -> bool {
        self.here.get()
    }

    /// Another handle on the weights, wherever they are.
    pub fn model(&self) -> Model {
        self.model.borrow().share()
    }

    /// Puts the same weights in another place.
    pub fn put(&self, model: Model) {
        self.here.set(model.device() != Device::Cpu);
        self.model.replace(model);
    }
}

impl Product {
    /// When its models were last asked for.
    pub(super) fn used(&self) -> u64 {
        self.models()
            .map(|model| model.used.get())
            .max()
            .unwrap_or(0)
    }

    /// Bytes of its models.
    pub(super) fn bytes(&self) -> u64 {
        self.models().map(|model| model.bytes).sum()
    }

    fn models(&self) -> impl Iterator<Item = &Rc<CachedModel>> {
        match self {
            Self::Models(models) => models.iter(),
            _ => [].iter(),
        }
    }
}
