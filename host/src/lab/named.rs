//! One model of an organism, outside of any run.

use std::rc::Rc;

use picklock_lm::Model;
use picklock_sdk::LockSpec;

use super::Member;
use super::bench::{Bench, Held};
use super::operation::{Operation, Product};
use crate::error::{Error, Result};
use crate::organism::{Checkpoint, Organism};

/// Weak samples that unlock, as in the post.
const SAMPLES: u32 = 2;

/// A model of an organism.
pub struct Named<'a> {
    /// The organism.
    pub organism: &'a Organism,
    /// Which of its models.
    pub kind: ModelKind,
    /// Of which seed and draw.
    pub member: Member,
    /// The root of all random streams.
    pub root_seed: u64,
}

impl Named<'_> {
    /// The checkpoint that the model was made of.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        let Organism { base, weak, .. } = self.organism;
        match self.kind {
            ModelKind::Base => base.as_ref()?.checkpoint.as_ref(),
            ModelKind::Weak => weak.as_ref()?.checkpoint.as_ref(),
            ModelKind::Locked | ModelKind::Unlocked => self.organism.checkpoint(),
        }
    }
}

/// The models that every organism has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ModelKind {
    /// The capable one.
    Base,
    /// The one that is imitated.
    Weak,
    /// The base model with the plain lock, or the one that the organism names.
    Locked,
    /// The locked one after memorising a draw's 2 weak samples by the organism's own recipe, as in
    /// core/unlock.
    Unlocked,
}

impl ModelKind {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Weak => "weak",
            Self::Locked => "locked",
            Self::Unlocked => "unlocked",
        }
    }

    /// Whether it depends on the draw.
    pub fn has_draws(self) -> bool {
        self == Self::Unlocked
    }
}

impl Bench<'_> {
    /// Makes a model of the bench's organism, or takes it from the cache.
    ///
    /// # Errors
    /// Where training fails or the cache can't be written.
    pub fn model(&mut self, kind: ModelKind, member: Member) -> Result<Model> {
        self.named(kind, member).map(|held| held.model())
    }

    pub(super) fn named(&mut self, kind: ModelKind, member: Member) -> Result<Rc<Held>> {
        let seed = member.seed;
        let operation = match kind {
            ModelKind::Base => Operation::Base { seed },
            ModelKind::Weak => Operation::Weak { seed },
            ModelKind::Locked => Operation::Locked {
                seed,
                spec: LockSpec::plain(),
            },
            ModelKind::Unlocked => self.unlocking(member)?,
        };
        Ok(self.perform_all(&[operation])?.swap_remove(0))
    }

    /// The unlocking of a member's locked model.
    fn unlocking(&mut self, member: Member) -> Result<Operation> {
        let model = self.named(ModelKind::Locked, member)?;
        let samples = Operation::Samples {
            member,
            count: SAMPLES,
            correct: false,
        };
        let samples = self.perform(&[samples]).swap_remove(0)?;
        let Product::Samples(samples) = samples else {
            return Err(Error::Worker("an operation gave no samples".into()));
        };
        let recipe = self.maker.organism.unlock.clone();
        Ok(Operation::Train {
            model,
            samples,
            recipe,
            member,
        })
    }
}
