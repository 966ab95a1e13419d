//! Organisms: what is tested. A base model, a weak model, a task, a password and a lock, described
//! by one TOML file, from which the locked models are made.

mod checkpoint;
mod checks;
mod given;
mod kind;
mod library;
mod lock_copies;
mod names;
mod problems;
mod ready;
mod recipe;
mod sampling;
mod source;
mod spec;
mod streams;

pub use checkpoint::{Checkpoint, MODELS};
pub use kind::Kind;
pub use library::{find, preset};
pub use lock_copies::LockCopies;
pub use names::ModelNames;
pub use ready::check_soft_labels;
pub use recipe::precision;
pub use sampling::Sampling;
pub use source::Source;
pub use spec::{Decoys, Gate, Labels, Lock, Organism, Scratch};
pub use streams::Streams;
