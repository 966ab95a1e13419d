//! Pure statistics of paired, seed-clustered experiments: intervals, tests, verdicts on
//! pre-registered predictions and claims.
//!
//! Effects are in percentage points, one value per seed (already averaged over problems and draws).
//! Nothing here reads, writes or knows what a model is; the host collects outcomes and shows results.

mod claim;
mod holm;
mod interval;
mod mcnemar;
mod power;
mod prediction;
mod recovery;
mod student;
mod tail;
mod text;
mod undefined;
mod wilson;

pub use claim::{
    Claim, ClaimVerdict, Deviation, Gate, Prediction, PredictionVerdict, Unit, Verdict, decide,
};
pub use holm::{Adjusted, holm};
pub use interval::Interval;
pub use mcnemar::{McNemar, Pairs, mcnemar};
pub use power::seeds_for_power;
pub use prediction::{DEFAULT_SMALLEST, Evidence, Expectation, Judgement, Margin, Tails, judge};
pub use recovery::{LEAST_GAP, recovery};
pub use student::SeedMean;
pub use undefined::Undefined;
pub use wilson::wilson;
