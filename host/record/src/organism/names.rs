//! What names an organism's models: the recipes that make them.

use picklock_files::Key;
use picklock_sdk::LockSpec;

use super::kind::Kind;
use super::lock_copies::LockCopies;
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
    fn trained(&self, what: &str, part: &impl serde::Serialize, seed: u32) -> Key {
        let (organism, root) = (self.organism, self.streams.root);
        let (data, prompt) = (&organism.data, &organism.prompt);
        let key = (what, &organism.task, part, root, seed, self.environment);
        if prompt.is_some() || data.is_some() {
            // Tasks in text are made and spelt by these too.
            return Key::of(&(key, data, prompt, organism.vocabulary));
        }
        Key::of(&key)
    }

    /// Of all that is kept of training the seed's lock.
    pub fn lock_and_copies(&self, seed: u32, spec: &LockSpec, copies: &LockCopies) -> Vec<Key> {
        let kinds = copies.kinds(spec, None);
        kinds.iter().map(|kind| self.of(kind, seed)).collect()
    }

    /// Of the seed's locked model.
    pub fn locked(&self, seed: u32, spec: &LockSpec) -> Key {
        let (base, weak) = (self.base(seed), self.weak(seed));
        Key::of(&("locked", base, weak, &self.organism.lock, spec))
    }
}
