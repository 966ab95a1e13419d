//! Organisms: what is tested. A base model, a weak model, a task, a password and a lock, described
//! by one TOML file, from which the locked models are made.

mod cache;
mod checkpoint;
mod checks;
mod decoding_room;
mod given;
mod interlude;
mod key;
mod library;
mod lock;
mod lock_copies;
mod maker;
mod names;
mod prompts;
mod ready;
mod recipe;
mod spec;
mod streams;
mod training_set;
mod weak_answers;

pub use cache::{Cache, Entry, GIB, Rule, size};
pub use checkpoint::{Checkpoint, MODELS};
pub use decoding_room::{AT_REST, DecodingRoom};
pub use key::Key;
pub use library::{find, preset};
pub use lock::check_lock;
pub use lock_copies::LockCopies;
pub use maker::{Maker, padded};
pub use names::ModelNames;
pub use prompts::{Prompts, Sampling, decode_prompts};
pub use recipe::precision;
pub use spec::{Gate, Organism};
pub use streams::Streams;
pub use training_set::{Row, TrainingSet};
pub use weak_answers::decode;
