//! The analysis: from the evidence every arm's accuracy and effect, each prediction's contrast and
//! each claim's gate, computed once; and the claims' verdicts. It leaves words to the view.

mod arms;
mod checks;
mod claims;
mod effect;
mod gate;

use picklock_message::Result;
use picklock_record::ArmRef;

use crate::evidence::Evidence;

pub use arms::ArmAnalysis;
pub use claims::{ClaimAnalysis, PredictionAnalysis};
pub use effect::{core_effect, same_locks};
pub use gate::Lock;

/// A run, analysed.
pub struct Analysis<'e> {
    /// What is analysed.
    pub evidence: &'e Evidence,
    /// Every arm, in the manifest's order.
    pub arms: Vec<ArmAnalysis>,
    /// One for each judged hypothesis, in the manifest's order.
    pub claims: Vec<ClaimAnalysis<'e>>,
}

impl<'e> Analysis<'e> {
    /// Analyses a run.
    ///
    /// # Errors
    /// Where the statistics refuse their input.
    pub fn new(evidence: &'e Evidence) -> Result<Self> {
        let arms = evidence.arms().into_iter();
        let arms: Vec<ArmAnalysis> = arms.map(|arm| ArmAnalysis::new(evidence, arm)).collect();
        Ok(Self {
            evidence,
            claims: claims::judge(evidence, &arms)?,
            arms,
        })
    }

    /// An arm that the run has got.
    pub fn arm(&self, arm: &ArmRef) -> Option<&ArmAnalysis> {
        self.arms.iter().find(|known| known.arm == *arm)
    }

    /// An arm's mean accuracy; none where the run hasn't got it, or it answered nothing.
    pub fn accuracy(&self, arm: &ArmRef) -> Option<f64> {
        self.arm(arm)?.accuracy
    }
}
