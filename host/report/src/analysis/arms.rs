//! Arms: each one's accuracy, and its effect over what it is compared with.

use picklock_grade::Grade;
use picklock_record::ArmRef;
use picklock_sdk::HELD_OUT;

use super::effect::Over;
use crate::evidence::{Evidence, mean};
use crate::numbers::Estimate;

/// How an arm did on the held-out problems.
pub struct ArmAnalysis {
    /// The arm.
    pub arm: ArmRef,
    /// What it is compared with.
    pub control: Option<ArmRef>,
    /// Each seed's accuracy, in percent.
    pub seeds: Vec<f64>,
    /// The mean of seeds; none where there are none.
    pub accuracy: Option<f64>,
    /// The mean share of answers that can't be read, in percent.
    pub unparsed: Option<f64>,
    /// arm - control, with a 95% interval.
    pub effect: Estimate,
    /// The same among problems that both gave a readable answer to.
    pub parsed_effect: Estimate,
}

impl ArmAnalysis {
    /// How an arm did.
    pub fn new(evidence: &Evidence, arm: ArmRef) -> Self {
        let control = evidence.control(&arm);
        let effect = |over| match &control {
            None => Estimate::default(),
            Some(control) => evidence.effect_over(over, &arm, control).estimate(0.95),
        };
        let seeds: Vec<f64> = evidence.accuracy(&arm, HELD_OUT).into_values().collect();
        let unparsed = evidence.of_seeds(&arm, |trial| {
            let graded = trial.measure(HELD_OUT)?;
            Some(100.0 * graded.count(Grade::Unparsed) as f64 / graded.problems().max(1) as f64)
        });
        Self {
            accuracy: mean_of(&seeds),
            unparsed: mean_of(&unparsed.into_values().collect::<Vec<_>>()),
            effect: effect(Over::All),
            parsed_effect: effect(Over::ParsedInAll),
            seeds,
            control,
            arm,
        }
    }

    /// What it is compared with, as text.
    pub fn control_text(&self) -> String {
        let control = self.control.as_ref();
        control.map(ToString::to_string).unwrap_or_default()
    }
}

fn mean_of(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| mean(values))
}
