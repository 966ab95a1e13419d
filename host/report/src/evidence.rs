//! The evidence: a run's trials, by arm, seed and draw; `reading` fills it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use picklock_files::Key;
use picklock_message::{Error, Result};
use picklock_record::{
    ArmRef, GradedTrial, LockRecord, Manifest, Member, Outcome, Prediction, Registration,
    RunHypothesis, TrialRecord, journal,
};

/// A run, read.
pub struct Evidence {
    /// What was run.
    pub manifest: Manifest,
    /// The pre-registrations as they were before the first trial, in the manifest's order, without
    /// those that can't be read.
    pub registrations: Vec<Registration>,
    /// Hypotheses whose copy is not what was registered.
    pub altered: Vec<String>,
    /// What is missing, damaged or odd about the folder: what, where, and what to do, a line each.
    pub notes: Vec<String>,
    pub(super) trials: BTreeMap<ArmRef, BTreeMap<Member, Kept>>,
}

/// A trial and the segment that it lies in.
pub(super) struct Kept {
    pub trial: GradedTrial,
    pub segment: PathBuf,
}

impl Evidence {
    /// Every arm of the run, in the manifest's order.
    pub fn arms(&self) -> Vec<ArmRef> {
        self.manifest.hypotheses.iter().flat_map(arms_of).collect()
    }

    /// Every trial with its arm, in the arms' order, by seed and draw.
    pub fn all_trials(&self) -> impl Iterator<Item = (ArmRef, &GradedTrial)> {
        let of_arm = |arm: ArmRef| self.trials(&arm).map(move |trial| (arm.clone(), trial));
        self.arms().into_iter().flat_map(of_arm)
    }

    /// Trials that failed, and why.
    pub fn failures(&self) -> impl Iterator<Item = (ArmRef, Member, &str)> {
        self.all_trials()
            .filter_map(|(arm, trial)| match &trial.outcome {
                Outcome::Done => None,
                Outcome::Failed { reason } => Some((arm, trial.member, reason.as_str())),
            })
    }

    /// Whether a hypothesis' claim is judged, and not only some of its arms run for others.
    pub fn is_judged(&self, name: &str) -> bool {
        let hypothesis = self.manifest.hypothesis(name);
        hypothesis.is_some_and(|hypothesis| hypothesis.judged)
    }

    /// The pre-registration of this name.
    pub fn registration(&self, name: &str) -> Option<&Registration> {
        let mut all = self.registrations.iter();
        all.find(|registration| registration.name == name)
    }

    /// The pre-registrations whose claims are judged.
    pub fn judged(&self) -> impl Iterator<Item = &Registration> {
        let judged = |registration: &&Registration| self.is_judged(&registration.name);
        self.registrations.iter().filter(judged)
    }

    /// The first arm that a prediction needs, core's included, and that the run hasn't got.
    pub fn unknown_arm(
        &self,
        registration: &Registration,
        prediction: &Prediction,
    ) -> Option<ArmRef> {
        let known = self.arms();
        let named = prediction.arms().into_iter().chain([&registration.core]);
        let mut named = named.map(|arm| arm.absolute(&registration.name));
        named.find(|arm| !known.contains(arm))
    }

    /// What an arm is compared with in tables.
    pub fn control(&self, arm: &ArmRef) -> Option<ArmRef> {
        let home = arm.hypothesis.as_deref()?;
        let registered = self.registration(home)?.arm(&arm.arm)?;
        Some(registered.control.as_ref()?.absolute(home))
    }

    /// An arm's trials, by seed and draw.
    pub fn trials<'e>(&'e self, arm: &ArmRef) -> impl Iterator<Item = &'e GradedTrial> + use<'e> {
        let kept = self.trials.get(arm).into_iter().flat_map(BTreeMap::values);
        kept.map(|kept| &kept.trial)
    }

    /// An arm's trials that did all that was asked of them.
    pub fn done<'e>(&'e self, arm: &ArmRef) -> impl Iterator<Item = &'e GradedTrial> + use<'e> {
        self.trials(arm).filter(|trial| trial.is_done())
    }

    /// One trial.
    pub fn trial(&self, arm: &ArmRef, member: Member) -> Option<&GradedTrial> {
        Some(&self.trials.get(arm)?.get(&member)?.trial)
    }

    /// One trial with its answers, read anew from its segment.
    ///
    /// # Errors
    /// Where the segment can't be read any more.
    pub fn with_answers(&self, arm: &ArmRef, member: Member) -> Result<Option<TrialRecord>> {
        let kept = self.trials.get(arm).and_then(|trials| trials.get(&member));
        let Some(kept) = kept else { return Ok(None) };
        let segment = journal::read::<TrialRecord>(&kept.segment)?
            .map_err(|damaged| Error::file(&damaged.path, damaged.what))?;
        let mut records = segment.trials.into_iter().map(|trial| trial.record);
        Ok(records.find(|record| record.member == member))
    }

    /// Mean accuracy of each seed under a measure, in percent, over its draws.
    pub fn accuracy(&self, arm: &ArmRef, measure: &str) -> BTreeMap<u32, f64> {
        self.of_seeds(arm, |trial| trial.measure(measure)?.accuracy())
    }

    /// The mean over draws of something that trials have, for each seed.
    pub fn of_seeds(
        &self,
        arm: &ArmRef,
        value: impl Fn(&GradedTrial) -> Option<f64>,
    ) -> BTreeMap<u32, f64> {
        let mut seeds: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for trial in self.done(arm) {
            if let Some(value) = value(trial) {
                seeds.entry(trial.member.seed).or_default().push(value);
            }
        }
        seeds
            .into_iter()
            .map(|(seed, draws)| (seed, mean(&draws)))
            .collect()
    }

    /// The locks that these arms used, one for each specification and seed.
    pub fn locks(&self, arms: &[ArmRef]) -> BTreeMap<Key, BTreeMap<u32, LockRecord>> {
        let mut locks: BTreeMap<Key, BTreeMap<u32, LockRecord>> = BTreeMap::new();
        for trial in arms.iter().flat_map(|arm| self.trials(arm)) {
            for lock in &trial.locks {
                let of_spec = locks.entry(lock.spec.clone()).or_default();
                of_spec
                    .entry(trial.member.seed)
                    .or_insert_with(|| lock.clone());
            }
        }
        locks
    }
}

/// The arms of a hypothesis.
pub fn arms_of(hypothesis: &RunHypothesis) -> impl Iterator<Item = ArmRef> {
    let arms = hypothesis.arms.iter();
    arms.map(|arm| ArmRef::of(&hypothesis.name, arm.name()))
}

/// The arithmetic mean.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
