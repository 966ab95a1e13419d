//! What an organism has of the things that a locked model is made of: all, or a model that is locked
//! already.

use std::path::Path;

use picklock_message::{Error, Result};
use picklock_sdk::{LockSpec, Recipe};
use picklock_task::Encoder;

use super::checkpoint::Checkpoint;
use super::sampling::Sampling;
use super::spec::{Base, Lock, Organism, Weak};

impl Organism {
    /// The base model.
    ///
    /// # Errors
    /// Where there is none.
    pub fn base(&self) -> Result<&Base> {
        self.base.as_ref().ok_or_else(|| needs("a base model"))
    }

    /// The weak model.
    ///
    /// # Errors
    /// Where there is none.
    pub fn weak(&self) -> Result<&Weak> {
        self.weak.as_ref().ok_or_else(|| needs("a weak model"))
    }

    /// How locks are trained.
    ///
    /// # Errors
    /// Where there is a given one alone: what it would take.
    pub fn lock(&self) -> Result<&Lock> {
        self.lock.as_ref().ok_or_else(|| {
            let parts = [
                ("a base model", self.base.is_none()),
                (
                    "a weak model",
                    self.weak.is_none() && !self.gives_weak_answers(),
                ),
                ("[lock]", true),
            ];
            let missing = parts.into_iter().filter(|(_, is_missing)| *is_missing);
            let missing: Vec<&str> = missing.map(|(part, _)| part).collect();
            let listed = match missing.as_slice() {
                [first @ .., last] if !first.is_empty() => {
                    format!("{} and {last}", first.join(", "))
                }
                only => only.concat(),
            };
            needs(&format!(
                "{listed}, to train another lock than the given one"
            ))
        })
    }

    /// Whether weak answers are given with the data, and no weak model is asked for them.
    pub fn gives_weak_answers(&self) -> bool {
        matches!(&self.data, Some(data) if data.weak_answers.is_some())
    }

    /// The model that is locked already, where that is what a plugin asks for.
    pub fn given_lock(&self, spec: &LockSpec) -> Option<&Checkpoint> {
        self.locked.as_ref().filter(|_| *spec == LockSpec::plain())
    }

    /// How a lock is trained; not at all, where it is given.
    pub fn lock_recipe(&self, spec: &LockSpec) -> Option<&Recipe> {
        let trained = self.given_lock(spec).is_none();
        self.lock
            .as_ref()
            .filter(|_| trained)
            .map(|lock| &lock.train)
    }

    /// All checkpoints that it is made of.
    pub fn checkpoints(&self) -> impl Iterator<Item = &Checkpoint> {
        let weak = self.weak.as_ref().and_then(|weak| weak.checkpoint.as_ref());
        [self.locked.as_ref(), self.base_checkpoint(), weak]
            .into_iter()
            .flatten()
    }

    fn base_checkpoint(&self) -> Option<&Checkpoint> {
        self.base.as_ref()?.checkpoint.as_ref()
    }

    /// The checkpoint that locked models are, or are made of; none where they are made from scratch.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.locked.as_ref().or(self.base_checkpoint())
    }

    /// How weak answers are sampled, be they the weak model's or, without one, the locked model's own.
    pub fn sampling(&self) -> Sampling {
        self.weak
            .as_ref()
            .map_or_else(Sampling::default, |weak| weak.sampling)
    }

    /// Checks that a given locked model has the tokens of the base model beside it, since both are
    /// given the same prompts.
    pub(super) fn check_tokens(&self) -> Result<()> {
        let (Some(locked), Some(base)) = (&self.locked, self.base_checkpoint()) else {
            return Ok(());
        };
        let (locked, base) = (locked.find()?, base.find()?);
        let tokens = |folder: &Path| -> Result<_> {
            Ok(Encoder::open(folder)?.tokenizer().get_vocab(false))
        };
        if tokens(&locked)? == tokens(&base)? {
            return Ok(());
        }
        let problem = format!(
            "has other tokens than {}; base must be the model that was locked",
            locked.display()
        );
        Err(Error::file(&base.join("tokenizer.json"), problem))
    }
}

fn needs(what: &str) -> Error {
    Error::Usage(format!("needs {what}"))
}
