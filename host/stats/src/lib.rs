//! Pure statistics of paired, seed-clustered experiments: intervals, tests, verdicts on
//! pre-registered predictions and claims.
//!
//! Effects are in percentage points, one value per seed (already averaged over problems and draws), or
//! one per seed and problem where the seeds share a finite set of problems.
//! Nothing here reads, writes or knows what a model is; the host collects outcomes and shows results.

mod bootstrap;
mod claim;
mod components;
mod fieller;
mod holm;
mod interval;
mod mcnemar;
mod measured;
mod noncentral;
mod null_control;
mod plan;
mod power;
mod prediction;
mod problems;
mod recovery;
mod resample;
mod sign_flip;
mod student;
mod tail;
mod text;
mod trend;
mod two_way;
mod undefined;
mod wilson;

pub use bootstrap::Bootstrap;
pub use claim::{
    Claim, ClaimVerdict, Deviation, Gate, Prediction, PredictionVerdict, Unit, Verdict, decide,
};
pub use components::VarianceComponents;
pub use fieller::{RatioInterval, fieller};
pub use holm::{Adjusted, holm};
pub use interval::Interval;
pub use mcnemar::{McNemar, Pairs, mcnemar};
pub use measured::Measured;
pub use noncentral::noncentral_t_below;
pub use null_control::{NullControl, null_control};
pub use plan::{Detectable, Plan, Quantity};
pub use power::seeds_for_power;
pub use prediction::{
    DEFAULT_SMALLEST, Evidence, Expectation, Judgement, Margin, Tails, judge, sign_flip,
};
pub use problems::{Generalises, Problems};
pub use recovery::{LEAST_GAP, recovery};
pub use resample::Resampling;
pub use sign_flip::SignFlip;
pub use student::{SeedMean, SharedProblems};
pub use trend::trend;
pub use undefined::Undefined;
pub use wilson::wilson;
