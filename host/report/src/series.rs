//! The series that a prediction is judged by.

use picklock_record::{Prediction, Registration, core_arms};
use picklock_stats::Problems;

use crate::effect::Effect;
use crate::evidence::Evidence;

/// What a prediction is judged by, over the seeds that all of it has.
pub struct Series {
    effects: Vec<f64>,
    core: Vec<f64>,
    reference: Option<Vec<f64>>,
    problems: Problems,
}

impl Series {
    /// Of a prediction.
    pub fn new(evidence: &Evidence, registration: &Registration, prediction: &Prediction) -> Self {
        let home = &registration.name;
        let effect = evidence.predicted(home, prediction);
        let core = evidence.effect(&registration.core.absolute(home), &core_arms().1);
        let reference = evidence.reference(home, prediction);
        let has = |seed: &u32| {
            let has = |effect: &Effect| effect.per_seed.contains_key(seed);
            has(&core) && reference.as_ref().is_none_or(has)
        };
        let seeds: Vec<u32> = effect.per_seed.keys().copied().filter(has).collect();
        Self {
            effects: effect.series(&seeds),
            core: core.series(&seeds),
            reference: reference.map(|reference| reference.series(&seeds)),
            problems: effect.problems(),
        }
    }

    /// Whether no seed has all of it.
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    /// As the statistics take it.
    pub fn evidence(&self) -> picklock_stats::Evidence<'_> {
        picklock_stats::Evidence {
            effects: &self.effects,
            core: Some(&self.core),
            reference: self.reference.as_deref(),
            problems: self.problems,
        }
    }
}
