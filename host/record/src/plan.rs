//! The plan: which trials there are, and how they are cut into blocks and cohorts.

use picklock_files::Key;
use picklock_message::Result;

use crate::hypothesis::{ArmRef, Registration};
use crate::journal::{Geometry, Manifest, RunHypothesis};
use crate::trial::Member;

/// Consecutive seeds whose trials share models; a worker takes whole blocks.
#[derive(Clone, Debug)]
pub struct Block {
    /// All members, by seed and draw.
    pub members: Vec<Member>,
    /// What is left to run, in order.
    pub cohorts: Vec<CohortPlan>,
}

/// Trials of one arm that run side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CohortPlan {
    /// The hypothesis.
    pub hypothesis: String,
    /// The arm.
    pub arm: String,
    /// Those members whose trials aren't in the journal.
    pub members: Vec<Member>,
}

/// All trials of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Blocks with something left to run.
    pub blocks: Vec<Block>,
    /// Trials in all.
    pub trials: usize,
    /// Trials that the journal holds.
    pub done: usize,
}

impl Plan {
    /// Plans the run that `manifest` describes, without the trials in `finished` and those of plugins
    /// that were refused.
    pub fn new(manifest: &Manifest, finished: &std::collections::HashSet<Key>) -> Self {
        let Geometry {
            seeds_per_block,
            width,
        } = manifest.geometry;
        let members = manifest.members();
        let size = seeds_per_block.max(1) as usize * manifest.draws as usize;
        let mut plan = Self {
            blocks: Vec::new(),
            trials: 0,
            done: 0,
        };
        for members in members.chunks(size.max(1)) {
            let mut block = Block {
                members: members.to_vec(),
                cohorts: Vec::new(),
            };
            let admitted = |hypothesis: &&RunHypothesis| hypothesis.refused.is_none();
            for hypothesis in manifest.hypotheses.iter().filter(admitted) {
                for arm in &hypothesis.arms {
                    plan.trials += members.len();
                    for members in members.chunks(width.max(1) as usize) {
                        let mut open = members.to_vec();
                        open.retain(|member| {
                            !finished.contains(&manifest.trial_id(hypothesis, arm, *member))
                        });
                        plan.done += members.len() - open.len();
                        if !open.is_empty() {
                            block.cohorts.push(CohortPlan {
                                hypothesis: hypothesis.name.clone(),
                                arm: arm.name().to_string(),
                                members: open,
                            });
                        }
                    }
                }
            }
            if !block.cohorts.is_empty() {
                plan.blocks.push(block);
            }
        }
        plan
    }

    /// Cohorts that are left to run.
    pub fn cohorts(&self) -> usize {
        self.blocks.iter().map(|block| block.cohorts.len()).sum()
    }

    /// How many of so many workers have something to do.
    pub fn workers(&self, workers: usize) -> usize {
        workers.min(self.blocks.len())
    }
}

/// Every arm that these hypotheses need, in order, `core`'s first.
///
/// # Errors
/// Where one of them doesn't exist.
pub fn needed_arms(chosen: &[Registration], all: &[Registration]) -> Result<Vec<ArmRef>> {
    let mut needed: Vec<ArmRef> = Vec::new();
    for registration in chosen {
        registration.check_references(all)?;
        for arm in registration.needed_arms() {
            if !needed.contains(&arm) {
                needed.push(arm);
            }
        }
    }
    needed.sort_by_key(|arm| {
        let home = |known: &Registration| Some(&known.name) == arm.hypothesis.as_ref();
        let hypothesis = all.iter().position(home)?;
        let arms = &all[hypothesis].arms;
        Some((
            hypothesis,
            arms.iter().position(|known| known.name == arm.arm),
        ))
    });
    Ok(needed)
}
