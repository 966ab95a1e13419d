//! The lab: the shared model handle. One thread per device makes every call on models; plugins'
//! threads send requests and wait, and requests of one kind run as one stacked operation.

mod bench;
mod cache;
mod cached_model;
mod cohort;
mod evaluation;
#[cfg(test)]
mod lock_copies;
mod making;
mod member;
mod named;
mod noise;
mod operation;
mod rehearsal;
mod residence;
mod sampling;
#[cfg(test)]
mod schedules;
mod scoring;
#[cfg(test)]
mod tests;
mod training;
mod waiting;

pub use bench::Bench;
pub use cache::{Cache, Entry, Rule};
pub use cached_model::CachedModel;
pub use cohort::{Cohort, CohortError};
pub use making::{DecodingRoom, Maker, Row, TrainingSet, check_ready};
pub use named::{Lesson, ModelKind, Named};
pub use operation::Scope;
pub use rehearsal::{Asked, What, Work, rehearse};
pub use residence::{host_memory, room_for_memory};
