//! The lab: the shared model handle. One thread per device makes every call on models; plugins'
//! threads send requests and wait, and requests of one kind run as one stacked operation.

mod bench;
mod cohort;
mod evaluation;
mod held;
#[cfg(test)]
mod lock_copies;
mod means;
mod member;
mod named;
mod noise;
mod operation;
mod record;
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
pub use cohort::{Cohort, CohortError};
pub use evaluation::problems;
pub use held::Held;
pub use means::Means;
pub use named::{Lesson, ModelKind, Named};
pub use operation::Scope;
#[cfg(test)]
pub use record::Metric;
pub use record::{GateRecord, LockRecord, Measure, Outcome, TrialRecord};
pub use rehearsal::{Asked, What, Work, rehearse};
pub use residence::{host_memory, room_for_memory};

use serde::{Deserialize, Serialize};

/// One replicate of an experiment: a seed, and a choice of weak samples within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Member {
    /// The replicate of base, weak model and lock.
    pub seed: u32,
    /// The choice of weak samples.
    pub draw: u32,
}
