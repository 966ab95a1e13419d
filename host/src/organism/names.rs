//! What names an organism's models: the recipes that make them.

use picklock_sdk::LockSpec;

use super::key::Key;
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

impl ModelNames<'_> {
    /// Of the seed's base model.
    pub fn base(&self, seed: u32) -> Key {
        let Organism { task, base, .. } = self.organism;
        Key::of(&(
            "base",
            task,
            base,
            self.streams.root,
            seed,
            self.environment,
        ))
    }

    /// Of the seed's weak model.
    pub fn weak(&self, seed: u32) -> Key {
        let Organism { task, weak, .. } = self.organism;
        Key::of(&(
            "weak",
            task,
            weak,
            self.streams.root,
            seed,
            self.environment,
        ))
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
