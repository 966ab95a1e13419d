//! The evidence: a run's trials, and the paired effects between its arms.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use picklock_sdk::HELD_OUT;

use crate::error::Result;
use crate::hypothesis::{ArmRef, Registration};
use crate::journal::{self, Manifest};
use crate::lab::{LockRecord, Measure, Member, Outcome, TrialRecord};
use crate::organism::Key;

/// A run, read.
pub struct Evidence {
    /// What was run.
    pub manifest: Manifest,
    /// The pre-registrations as they were before the first trial, in the manifest's order.
    pub registrations: Vec<Registration>,
    trials: BTreeMap<ArmRef, BTreeMap<Member, TrialRecord>>,
}

/// A paired effect between two arms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    /// Mean difference of each seed, in percentage points, over its problems and draws.
    pub per_seed: BTreeMap<u32, f64>,
    /// The fewest draws of a seed.
    pub draws: u32,
    /// Problems of a trial.
    pub problems: u32,
    /// Pairs that were left out because they did not start from the same locked model.
    pub mismatched: usize,
}

impl Effect {
    /// The differences in seed order, in percentage points.
    pub fn values(&self) -> Vec<f64> {
        self.per_seed.values().copied().collect()
    }
}

impl Evidence {
    /// Reads a run's folder. Trials that its plan no longer holds (of an older plugin, say) are
    /// passed over; of a trial that is there twice the first counts.
    ///
    /// # Errors
    /// Where manifest, journal or the copies of the pre-registrations can't be read.
    pub fn read(run: &Path) -> Result<Self> {
        let manifest = Manifest::read(run)?;
        let copy =
            |name: &str| Registration::read(&run.join("hypotheses").join(format!("{name}.toml")));
        let registrations = manifest
            .hypotheses
            .iter()
            .map(|hypothesis| copy(&hypothesis.name));
        let registrations = registrations.collect::<Result<Vec<_>>>()?;
        let mut wanted: HashMap<Key, (ArmRef, Member)> = HashMap::new();
        for hypothesis in &manifest.hypotheses {
            for arm in &hypothesis.arms {
                for member in manifest.members() {
                    let place = (ArmRef::of(&hypothesis.name, arm.name()), member);
                    wanted.insert(manifest.trial_id(hypothesis, arm, member), place);
                }
            }
        }
        let mut trials: BTreeMap<ArmRef, BTreeMap<Member, TrialRecord>> = BTreeMap::new();
        for segment in journal::read_all(&run.join("journal"))? {
            for trial in segment.trials {
                if let Some((arm, member)) = wanted.get(&trial.id) {
                    let known = trials.entry(arm.clone()).or_default();
                    known.entry(*member).or_insert(trial.record);
                }
            }
        }
        Ok(Self {
            manifest,
            registrations,
            trials,
        })
    }

    /// Every arm of the run, in the manifest's order.
    pub fn arms(&self) -> Vec<ArmRef> {
        let of = |hypothesis: &journal::RunHypothesis| -> Vec<ArmRef> {
            hypothesis
                .arms
                .iter()
                .map(|arm| ArmRef::of(&hypothesis.name, arm.name()))
                .collect()
        };
        self.manifest.hypotheses.iter().flat_map(of).collect()
    }

    /// An arm's trials, by seed and draw.
    pub fn trials<'e>(&'e self, arm: &ArmRef) -> impl Iterator<Item = &'e TrialRecord> + use<'e> {
        self.trials.get(arm).into_iter().flat_map(BTreeMap::values)
    }

    /// One trial.
    pub fn trial(&self, arm: &ArmRef, member: Member) -> Option<&TrialRecord> {
        self.trials.get(arm)?.get(&member)
    }

    /// Mean accuracy of each seed under a measure, in percent, over its draws.
    pub fn accuracy(&self, arm: &ArmRef, measure: &str) -> BTreeMap<u32, f64> {
        let mut of_seed: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for trial in self
            .trials(arm)
            .filter(|trial| trial.outcome == Outcome::Done)
        {
            if let Some(measure) = trial.measure(measure) {
                let percent = 100.0 * correct_share(measure);
                of_seed.entry(trial.member.seed).or_default().push(percent);
            }
        }
        of_seed
            .into_iter()
            .map(|(seed, draws)| (seed, mean(&draws)))
            .collect()
    }

    /// The paired effect treated - control on the held-out problems: of each problem within each
    /// draw, averaged within each seed. Pairs from different locked models are left out.
    pub fn effect(&self, treated: &ArmRef, control: &ArmRef) -> Effect {
        let mut effect = Effect {
            draws: u32::MAX,
            ..Effect::default()
        };
        let mut of_seed: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for trial in self
            .trials(treated)
            .filter(|trial| trial.outcome == Outcome::Done)
        {
            let Some(other) = self.trial(control, trial.member) else {
                continue;
            };
            let (Some(a), Some(b)) = (trial.measure(HELD_OUT), other.measure(HELD_OUT)) else {
                continue;
            };
            if !same_locks(&trial.locks, &other.locks) {
                effect.mismatched += 1;
                continue;
            }
            if other.outcome == Outcome::Done && a.grades.len() == b.grades.len() {
                effect.problems = a.grades.len() as u32;
                let points = 100.0 * (correct_share(a) - correct_share(b));
                of_seed.entry(trial.member.seed).or_default().push(points);
            }
        }
        for (seed, draws) in of_seed {
            effect.draws = effect.draws.min(draws.len() as u32);
            effect.per_seed.insert(seed, mean(&draws));
        }
        if effect.per_seed.is_empty() {
            effect.draws = 0;
        }
        effect
    }

    /// Problems that one seed and draw gained and lost from control to treated.
    pub fn discordant(
        &self,
        treated: &ArmRef,
        control: &ArmRef,
        member: Member,
    ) -> Option<picklock_stats::Pairs> {
        let a = self.trial(treated, member)?.measure(HELD_OUT)?;
        let b = self.trial(control, member)?.measure(HELD_OUT)?;
        let pairs = || a.grades.chars().zip(b.grades.chars());
        let count = |gained: bool| {
            pairs()
                .filter(|(a, b)| a != b && (*a == 'c') == gained && ((*a == 'c') || (*b == 'c')))
                .count()
        };
        Some(picklock_stats::Pairs {
            gained: count(true) as u64,
            lost: count(false) as u64,
            problems: pairs().count() as u64,
        })
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

/// Correct share of all problems, 0 to 1.
fn correct_share(measure: &Measure) -> f64 {
    let correct = measure
        .grades
        .chars()
        .filter(|letter| *letter == 'c')
        .count();
    correct as f64 / measure.grades.len().max(1) as f64
}

/// Arms may be compared where the locks that both used are the same weights.
fn same_locks(a: &[LockRecord], b: &[LockRecord]) -> bool {
    a.iter()
        .all(|a| b.iter().all(|b| a.spec != b.spec || a.digest == b.digest))
}

/// The arithmetic mean.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
