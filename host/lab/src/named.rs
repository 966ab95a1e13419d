//! One model of an organism, outside of any run.

use std::fmt;
use std::rc::Rc;

use picklock_files::Key;
use picklock_lm::Model;
use picklock_message::{Error, Result};
use picklock_record::{Checkpoint, LockRecord, Measure, Member, Organism};
use picklock_sdk::{LockSpec, Questions, Samples, Score};

use crate::bench::{Bench, shape_of};
use crate::cached_model::{CachedModel, Lineage};
use crate::operation::{Operation, Product, Scope};

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
    /// What it has memorised, where it is unlocked.
    pub lesson: Lesson,
}

/// The samples of a draw that a copy memorises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// How many.
    pub samples: u32,
    /// Whether they are answered correctly, and not by the weak model.
    pub correct: bool,
}

impl Default for Lesson {
    /// That of the post: 2 weak samples.
    fn default() -> Self {
        Self {
            samples: 2,
            correct: false,
        }
    }
}

impl fmt::Display for Lesson {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.correct { "correct" } else { "weak" };
        let plural = if self.samples == 1 { "" } else { "s" };
        write!(formatter, "{} {what} sample{plural}", self.samples)
    }
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
    /// Where there is no such model, training fails, or the cache can't be written.
    pub fn named(&mut self, kind: ModelKind, member: Member) -> Result<Rc<CachedModel>> {
        let (seed, organism) = (member.seed, self.maker.organism);
        let there = match kind {
            ModelKind::Base => organism.base().map(drop),
            ModelKind::Weak => organism.weak().map(drop),
            ModelKind::Locked | ModelKind::Unlocked => Ok(()),
        };
        there.map_err(|error| organism.named(error))?;
        let operation = match kind {
            ModelKind::Base => Operation::Base { seed },
            ModelKind::Weak => Operation::Weak { seed },
            ModelKind::Locked => Operation::Locked {
                seed,
                spec: LockSpec::plain(),
                after: None,
            },
            ModelKind::Unlocked => return Ok(self.unlocked(member, Lesson::default())?.0),
        };
        Ok(self.perform_all(&[operation])?.swap_remove(0))
    }

    /// A copy of a member's locked model that has memorised a lesson by the organism's recipe, and
    /// what it has memorised.
    ///
    /// # Errors
    /// As [`Bench::named`].
    pub fn unlocked(
        &mut self,
        member: Member,
        lesson: Lesson,
    ) -> Result<(Rc<CachedModel>, Samples)> {
        let model = self.named(ModelKind::Locked, member)?;
        let samples = self.lesson(member, lesson)?;
        let unlocking = Operation::Train {
            model,
            samples: samples.clone(),
            recipe: self.maker.organism.unlock.clone(),
            member,
        };
        Ok((self.perform_all(&[unlocking])?.swap_remove(0), samples))
    }

    /// The samples of a member's lesson.
    ///
    /// # Errors
    /// As [`Bench::named`].
    pub fn lesson(&mut self, member: Member, lesson: Lesson) -> Result<Samples> {
        let samples = Operation::Samples {
            member,
            count: lesson.samples,
            correct: lesson.correct,
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
    pub fn bring(&self, model: Model, seed: u32) -> Result<Rc<CachedModel>> {
        let key = Key::of(&("brought", model.digest()?));
        let shape = shape_of(&model);
        let lineage = Lineage {
            scope: Scope::Seed,
            seed,
            is_weak: false,
        };
        Ok(CachedModel::new(key, &shape, lineage, model))
    }

    /// Asks a model and grades its answers.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn ask(
        &mut self,
        model: &Rc<CachedModel>,
        questions: &Questions,
    ) -> Result<(Rc<Measure>, Score)> {
        let asked = Operation::Evaluate {
            model: Rc::clone(model),
            questions: questions.clone(),
        };
        match self.perform(&[asked]).swap_remove(0)? {
            Product::Evaluation(measure, score) => Ok((measure, score)),
            _ => Err(Error::Worker("an evaluation gave no score".into())),
        }
    }

    /// What the gate looks at, for a seed's plain lock.
    ///
    /// # Errors
    /// As [`Bench::named`] and [`Bench::ask`].
    pub fn plain_lock(&mut self, member: Member) -> Result<LockRecord> {
        let locked = self.named(ModelKind::Locked, member)?;
        let mut records = self.lock_records(&[(member.seed, locked)], &LockSpec::plain(), None)?;
        Ok(records.swap_remove(0))
    }
}
