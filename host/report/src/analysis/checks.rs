//! Sensitivity checks: other procedures' answers to the question that a judgement answers. They stand
//! beside it and decide nothing.

use picklock_record::Prediction;
use picklock_stats::{
    Bootstrap, Interval, Judgement, RatioInterval, Resampling, SignFlip, fieller, sign_flip,
};

use super::effect::Compared;
use crate::numbers;

/// Resamples of the bootstrap: enough for a look at an interval's ends to a point or so.
const RESAMPLES: std::ops::RangeInclusive<usize> = 199..=999;

/// How many problems are drawn in all at most, above the least number of resamples: a second's work.
const DRAWN: usize = 20_000_000;

/// The checks of one prediction; none where it wasn't judged.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    /// The bootstrap's interval of the effect in percentage points, at the judgement's level.
    pub bootstrap: Option<Interval>,
    /// The sign-flip test.
    pub sign_flip: Option<SignFlip>,
    /// Fieller's interval of the ratio of means, where a ratio was predicted.
    pub ratio: Option<RatioInterval>,
}

impl Checks {
    /// The ratio's interval as text; empty where there is none.
    pub fn ratio_text(&self) -> String {
        self.ratio.as_ref().map(numbers::ratio).unwrap_or_default()
    }

    /// Checks a prediction that was judged.
    pub fn new(
        root_seed: u64,
        prediction: &Prediction,
        compared: &Compared,
        judged: &Judgement,
    ) -> Self {
        let resampling = Resampling {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            ..Resampling::keyed(root_seed)
        };
        let (level, effect) = (judged.ci_level, &compared.effect);
        let drawn_each = effect.per_seed.len() * effect.problems as usize;
        let few = Resampling {
            resamples: (DRAWN / drawn_each.max(1)).clamp(*RESAMPLES.start(), *RESAMPLES.end()),
            ..resampling
        };
        let bootstrap = Bootstrap::of(&effect.measured(&effect.differences()), few);
        let ratio = compared.reference.as_ref().and_then(|full| {
            let both = effect.per_seed.iter();
            let both = both.filter_map(|(seed, part)| Some((*part, *full.per_seed.get(seed)?)));
            let (part, full): (Vec<f64>, Vec<f64>) = both.unzip();
            fieller(&part, &full, level).ok()
        });
        Self {
            bootstrap: bootstrap.and_then(|drawn| drawn.interval(level)).ok(),
            sign_flip: sign_flip(&prediction.expectation(), &compared.evidence(), resampling).ok(),
            ratio,
        }
    }
}
