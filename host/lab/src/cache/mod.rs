//! The cache: trained models under the key of their recipe, as Hugging Face directories, which any
//! number of processes may share.
//!
//! A model is written aside and renamed, so it is there whole or not at all. A process that uses one
//! holds a shared `flock` on its weights, and one that removes it an exclusive one: a model in use
//! stays.

mod answers;
mod file_locks;
mod models;
mod pruning;

pub use models::{Cache, Origin};
pub use pruning::{Entry, Rule};
