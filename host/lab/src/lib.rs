//! The lab: the shared model handle. One thread per device makes every call on models; plugins'
//! threads send requests and wait, and requests of one kind run as one stacked operation.

mod bench;
mod cache;
mod cached_model;
mod cohort;
mod evaluation;
mod gate;
mod making;
mod member;
mod noise;
mod operation;
mod operations;
mod organism_model;
mod questions;
mod rehearsal;
mod residence;
mod sampling;
mod scoring;
mod store;
#[cfg(test)]
mod tests;
mod training;
mod waiting;

pub use bench::Bench;
pub use cache::{Cache, Entry, Rule};
pub use cached_model::{CachedModel, Scope};
pub use cohort::{Cohort, CohortError};
pub use making::{DecodingRoom, Maker, Row, TrainingSet, check_ready};
pub use organism_model::{ModelKind, OrganismModel, UnlockSamples};
pub use rehearsal::{ArmNeeds, Work, WorkKind, rehearse};
pub use residence::{host_memory, room_for_memory};
