//! A pre-registered prediction: what was expected of an effect, and what the seeds say to it.
//!
//! `sides` says which contrasts must lie above 0, `judging` tests them, `flipping` checks the p by
//! sign flips, `sentence` puts the outcome into words. What predictions mean for a claim is left to `claim`.

mod flipping;
mod judging;
mod sentence;
mod sides;

use serde::Serialize;

use crate::interval::Interval;
use crate::power::seeds_for_power;
use crate::problems::{Generalises, Problems};
use crate::student::SeedMean;
use crate::undefined::Undefined;

pub use flipping::sign_flip;
pub use judging::judge;

/// The smallest effect that counts unless the pre-registration says otherwise: 25% of core's.
pub const DEFAULT_SMALLEST: Margin = Margin::CoreShare(0.25);

/// What a pre-registration expects of the effect x (treated - control, percentage points).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// x > 0.
    Greater,
    /// x < 0.
    Less,
    /// -margin < x < margin.
    Equivalent(Margin),
    /// x > -margin.
    NonInferior(Margin),
    /// low * full < x < high * full, where full is the reference effect; `high` may be infinite.
    RatioWithin {
        /// Lower bound of the ratio.
        low: f64,
        /// Upper bound of the ratio, above `low`.
        high: f64,
    },
}

/// The size of a margin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Margin {
    /// Percentage points, at least 0.
    Points(f64),
    /// A share of core's effect (0.25 is a quarter), at least 0; tested as a contrast with core's own
    /// effect in each seed, never as if core's effect were known.
    CoreShare(f64),
}

/// What was measured, in percentage points: one value per seed, or per seed and shared problem (see
/// [`Problems`]); all series have the same seeds and problems in the same order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence<'a> {
    /// Treated - control.
    pub effects: &'a [f64],
    /// Core's effect; for core's own prediction the same series as `effects`.
    pub core: Option<&'a [f64]>,
    /// For [`Expectation::RatioWithin`], the full effect that `effects` is a ratio of.
    pub reference: Option<&'a [f64]>,
    /// Which problems the seeds were asked, and so what one value is.
    pub problems: Problems,
}

impl Evidence<'_> {
    /// The mean over seeds of a series in the evidence's layout.
    fn mean(&self, values: &[f64]) -> Result<SeedMean, Undefined> {
        self.problems.mean(values)
    }
}

/// Whether alpha is spent on one tail of each contrast or on two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tails {
    /// Each contrast is tested one-sided at alpha (equivalence, non-inferiority, ratios).
    One,
    /// The contrast is tested two-sided at alpha, and needs the right sign (greater, less).
    Two,
}

/// What the seeds say to a prediction, before any correction for other claims.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// Mean of the effects over seeds, percentage points.
    pub estimate: f64,
    /// Lower end of the effect's interval, percentage points.
    pub ci_low: f64,
    /// Upper end of the effect's interval, percentage points.
    pub ci_high: f64,
    /// Level of the interval: `1 - alpha` for greater and less (0.95 at alpha 0.05), `1 - 2 alpha` for
    /// equivalence, non-inferiority and ratios (0.90).
    pub ci_level: f64,
    /// p of the test: two-sided against 0 for greater and less, else the largest of the one-sided
    /// contrasts'. None where a contrast has no variance between seeds.
    pub p: Option<f64>,
    /// p of the claim that the prediction makes: `p`, or 1 where the direction is wrong. None where it
    /// can't be estimated.
    pub p_for_claim: Option<f64>,
    /// Seeds.
    pub n_seeds: usize,
    /// What interval and p speak of.
    pub generalises: Generalises,
    /// `p_for_claim` is at most the unadjusted alpha.
    pub supported: bool,
    /// The interval excludes every effect that would support the prediction to a degree that matters.
    /// A greater effect can be `supported` too: above 0, but too small to count.
    pub contradicted: bool,
    /// The outcome in one sentence, with its numbers.
    pub reason: String,
    /// Seeds at which the test would succeed with 80% power at the unadjusted alpha, if the present
    /// estimate and spread are true; none where the estimate is on the wrong side or has no spread.
    pub seeds_needed: Option<usize>,
    /// The contrasts that the prediction needs above 0, percentage points.
    pub contrasts: Vec<SeedMean>,
    /// How alpha is spent on the contrasts.
    pub tails: Tails,
}

impl Judgement {
    /// The effect's interval, percentage points.
    pub fn interval(&self) -> Interval {
        Interval {
            low: self.ci_low,
            high: self.ci_high,
            level: self.ci_level,
        }
    }

    /// As `seeds_needed`, at another (say, a corrected) alpha.
    pub fn seeds_needed_at(&self, alpha: f64) -> Option<usize> {
        seeds_for_power(&self.contrasts, self.tails.share(alpha))
    }
}

impl Tails {
    /// The one-sided level of each contrast.
    pub(crate) fn share(self, alpha: f64) -> f64 {
        match self {
            Self::One => alpha,
            Self::Two => alpha / 2.0,
        }
    }

    /// Level of the effect's interval that goes with the test.
    fn level(self, alpha: f64) -> f64 {
        match self {
            Self::One => 1.0 - 2.0 * alpha,
            Self::Two => 1.0 - alpha,
        }
    }
}
