//! One model of an organism, outside of any run.

use std::fmt;
use std::rc::Rc;

use picklock_files::Key;
use picklock_lm::Model;
use picklock_message::{Error, Result};
use picklock_record::{Checkpoint, LockRecord, Measure, Member, Organism};
use picklock_sdk::{LockSpec, Questions, Samples, Score};

use crate::bench::Bench;
use crate::cached_model::{CachedModel, Lineage, Scope};
use crate::operation::{Operation, Product};

/// A model of an organism.
pub struct OrganismModel<'a> {
    /// The organism.
    pub organism: &'a Organism,
    /// Which of its models.
    pub kind: ModelKind,
    /// Of which seed and draw.
    pub member: Member,
    /// The root of all random streams.
    pub root_seed: u64,
    /// What it has memorised, where it is unlocked.
    pub unlock_samples: UnlockSamples,
}

/// The samples of a draw that a copy memorises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnlockSamples {
    /// How many.
    pub count: u32,
    /// Whether they are answered correctly, and not by the weak model.
    pub correct: bool,
}

impl Default for UnlockSamples {
    /// Those of the post: 2 weak samples.
    fn default() -> Self {
        Self {
            count: 2,
            correct: false,
        }
    }
}

impl fmt::Display for UnlockSamples {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.correct { "correct" } else { "weak" };
        let plural = if self.count == 1 { "" } else { "s" };
        write!(formatter, "{} {what} sample{plural}", self.count)
    }
}

impl OrganismModel<'_> {
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
    /// Where there is no such model, training fails, or the cache can't be written.
    pub fn organism_model(&mut self, kind: ModelKind, member: Member) -> Result<Rc<CachedModel>> {
        let (seed, organism) = (member.seed, self.maker.organism);
        let operation = match kind {
            ModelKind::Base => organism.base().map(|_| Operation::Base { seed }),
            ModelKind::Weak => organism.weak().map(|_| Operation::Weak { seed }),
            ModelKind::Locked => Ok(Operation::locked(seed, &LockSpec::plain())),
            ModelKind::Unlocked => return Ok(self.unlocked(member, UnlockSamples::default())?.0),
        };
        let operation = operation.map_err(|error| organism.named(error))?;
        Ok(self.models(&[operation])?.swap_remove(0))
    }

    /// A copy of a member's locked model that has memorised samples by the organism's recipe, and
    /// these samples.
    ///
    /// # Errors
    /// As [`Bench::organism_model`].
    pub fn unlocked(
        &mut self,
        member: Member,
        samples: UnlockSamples,
    ) -> Result<(Rc<CachedModel>, Samples)> {
        let model = self.organism_model(ModelKind::Locked, member)?;
        let samples = self.unlock_samples(member, samples)?;
        let unlocking = Operation::Train {
            model,
            samples: samples.clone(),
            recipe: self.maker.organism.unlock.clone(),
            member,
        };
        Ok((self.models(&[unlocking])?.swap_remove(0), samples))
    }

    /// The samples that a member's unlocked model memorises.
    ///
    /// # Errors
    /// As [`Bench::organism_model`].
    pub fn unlock_samples(&mut self, member: Member, samples: UnlockSamples) -> Result<Samples> {
        let UnlockSamples { count, correct } = samples;
        let samples = Operation::Samples {
            member,
            count,
            correct,
        };
        match self.perform(&[samples]).swap_remove(0)? {
            Product::Samples(samples) => Ok(samples),
            _ => Err(Error::Worker("an operation gave no samples".into())),
        }
    }

    /// Takes a model from elsewhere, to be asked a seed's problems.
    ///
    /// # Errors
    /// Where the device doesn't hand its weights over.
    pub fn adopt(&self, model: Model, seed: u32) -> Result<Rc<CachedModel>> {
        let lineage = Lineage {
            scope: Scope::Seed,
            seed,
            is_weak: false,
        };
        let key = Key::of(&("brought", model.digest()?));
        Ok(CachedModel::new(key, lineage, model, None))
    }

    /// Asks a model and grades its answers.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn evaluate(
        &mut self,
        model: &Rc<CachedModel>,
        questions: &Questions,
    ) -> Result<(Rc<Measure>, Score)> {
        let evaluations = self.evaluations(std::slice::from_ref(model), questions);
        Ok(evaluations?.swap_remove(0))
    }

    /// What the gate looks at, for a seed's plain lock.
    ///
    /// # Errors
    /// As [`Bench::organism_model`] and [`Bench::evaluate`].
    pub fn plain_lock(&mut self, member: Member) -> Result<LockRecord> {
        let locked = self.organism_model(ModelKind::Locked, member)?;
        let mut records = self.lock_records(&[locked], &LockSpec::plain(), None)?;
        Ok(records.swap_remove(0))
    }
}
