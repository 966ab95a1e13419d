//! What names an organism's models: the recipes that make them.

use picklock_files::Key;
use picklock_sdk::LockSpec;
use serde::{Deserialize, Serialize};

use super::lock_copies::LockCopies;
use super::source::Source;
use super::spec::Organism;
use super::streams::Streams;

/// The keys of an organism's models.
#[derive(Clone, Copy)]
pub struct ModelNames<'a> {
    /// The organism.
    pub organism: &'a Organism,
    /// Where randomness comes from.
    pub streams: Streams,
    /// The numeric environment.
    pub environment: &'a str,
}

/// A kind of model that is made of an organism.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The capable one.
    Base,
    /// The one that is imitated.
    Weak,
    /// The base model with this lock.
    Locked(LockSpec),
    /// The same after so many steps of the lock.
    LockedAfter(LockSpec, u32),
    /// What the weak model answers, read in this way: no model, but kept like one.
    Answers(Source),
}

impl Kind {
    /// A locked model; `after` are the steps done, where those aren't all.
    pub fn locked(spec: &LockSpec, after: Option<u32>) -> Self {
        match after {
            None => Self::Locked(spec.clone()),
            Some(step) => Self::LockedAfter(spec.clone(), step),
        }
    }

    /// What is trained to its end to make it.
    pub fn whole(&self) -> Self {
        match self {
            Self::LockedAfter(spec, _) => Self::Locked(spec.clone()),
            other => other.clone(),
        }
    }

    /// In a word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Weak => "weak",
            Self::Locked(_) | Self::LockedAfter(..) => "locked",
            Self::Answers(_) => "answers",
        }
    }

    /// Of a locked model, `plain` or the first digits of its lock's key, and the steps of it that were
    /// done where those aren't all.
    pub fn lock(&self) -> Option<String> {
        match self {
            Self::Locked(spec) if *spec == LockSpec::plain() => Some("plain".to_string()),
            Self::Locked(spec) => Some(Key::of(spec).short().to_string()),
            Self::LockedAfter(_, step) => Some(format!("{}@{step}", self.whole().lock()?)),
            _ => None,
        }
    }
}

impl ModelNames<'_> {
    /// Of the seed's model of this kind.
    pub fn of(&self, kind: &Kind, seed: u32) -> Key {
        match kind {
            Kind::Base => self.base(seed),
            Kind::Weak => self.weak(seed),
            Kind::Locked(spec) => self.locked(seed, spec),
            Kind::LockedAfter(spec, step) => Key::of(&("after", self.locked(seed, spec), step)),
            Kind::Answers(source) => {
                let samples = self.organism.lock.as_ref().map(|lock| lock.samples);
                Key::of(&("answers", self.weak(seed), source, samples))
            }
        }
    }

    /// Of the seed's base model.
    pub fn base(&self, seed: u32) -> Key {
        self.trained("base", &self.organism.base, seed)
    }

    /// Of the seed's weak model.
    pub fn weak(&self, seed: u32) -> Key {
        self.trained("weak", &self.organism.weak, seed)
    }

    /// Of a model that is trained on the task, as `part` of the organism says.
    fn trained(&self, what: &str, part: &impl Serialize, seed: u32) -> Key {
        let Organism {
            task,
            data,
            prompt,
            vocabulary,
            ..
        } = self.organism;
        let key = (what, task, part, self.streams.root, seed, self.environment);
        match prompt.is_some() || data.is_some() {
            false => Key::of(&key),
            // Tasks in text are made and spelt by these too.
            true => Key::of(&(key, data, prompt, vocabulary)),
        }
    }

    /// Of all that is kept of training the seed's lock.
    pub fn lock_and_copies(&self, seed: u32, spec: &LockSpec, copies: &LockCopies) -> Vec<Key> {
        let kinds = copies.kinds(spec, None);
        kinds.iter().map(|kind| self.of(kind, seed)).collect()
    }

    /// Of the seed's locked model.
    pub fn locked(&self, seed: u32, spec: &LockSpec) -> Key {
        Key::of(&(
            "locked",
            self.base(seed),
            self.weak(seed),
            &self.organism.lock,
            spec,
        ))
    }
}
