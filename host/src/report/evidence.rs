//! The evidence: a run's trials, and the paired effects between its arms.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use picklock_sdk::HELD_OUT;

use crate::error::Result;
use crate::hypothesis::{ArmRef, Prediction, Registration};
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

impl Effect {
    /// This effect less another one, of the seeds that have both.
    fn less(&self, other: &Self) -> Self {
        let both = self
            .per_seed
            .iter()
            .filter_map(|(seed, points)| Some((*seed, points - other.per_seed.get(seed)?)));
        Self {
            per_seed: both.collect(),
            draws: self.draws.min(other.draws),
            problems: self.problems.min(other.problems),
            mismatched: self.mismatched + other.mismatched,
        }
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

    /// The difference that a prediction of the hypothesis `home` speaks of: treated - control, or
    /// with baselines (treated - its baseline) - (control - its baseline).
    pub fn predicted(&self, home: &str, prediction: &Prediction) -> Effect {
        let arm = |arm: &ArmRef| arm.absolute(home);
        let (treated, control) = (arm(&prediction.treated), arm(&prediction.control));
        match (&prediction.treated_baseline, &prediction.control_baseline) {
            (Some(treated_from), Some(control_from)) => {
                let effect = self.effect(&treated, &arm(treated_from));
                effect.less(&self.effect(&control, &arm(control_from)))
            }
            _ if prediction.through.is_empty() => self.effect(&treated, &control),
            _ => {
                let through = prediction.through.iter().map(arm);
                self.trend(&control, &through.chain([treated]).collect::<Vec<_>>())
            }
        }
    }

    /// The trend over `control` and the arms that follow it, equally spaced: within each seed the
    /// slope of the least-squares line, times the number of steps from end to end.
    fn trend(&self, control: &ArmRef, following: &[ArmRef]) -> Effect {
        let effects: Vec<Effect> = following
            .iter()
            .map(|arm| self.effect(arm, control))
            .collect();
        let steps = effects.len() as f64;
        let middle = steps / 2.0;
        let squares: f64 = (0..=effects.len())
            .map(|x| (x as f64 - middle).powi(2))
            .sum();
        let Some(first) = effects.first() else {
            return Effect::default();
        };
        let mut trend = Effect {
            per_seed: BTreeMap::new(),
            ..first.clone()
        };
        for effect in &effects {
            trend.draws = trend.draws.min(effect.draws);
            trend.problems = trend.problems.min(effect.problems);
            trend.mismatched += effect.mismatched;
        }
        for seed in first.per_seed.keys() {
            // Differences from control: control's own is 0, and falls out of the sum.
            let points: Option<Vec<f64>> = effects
                .iter()
                .map(|effect| effect.per_seed.get(seed).copied())
                .collect();
            let Some(points) = points else { continue };
            let products = points
                .iter()
                .zip(1..)
                .map(|(y, x)| y * (f64::from(x) - middle));
            trend
                .per_seed
                .insert(*seed, products.sum::<f64>() / squares * steps);
        }
        trend
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Measure;
    use picklock_sdk::Questions;

    fn evidence(arms: &[(&str, &[&str])]) -> Evidence {
        let trial = |seed: u32, grades: &str| TrialRecord {
            measures: vec![Measure {
                name: HELD_OUT.into(),
                questions: Questions::held_out(),
                grades: grades.into(),
                answers: Vec::new(),
            }],
            ..TrialRecord::new(Member { seed, draw: 0 }, Outcome::Done)
        };
        let trials = arms.iter().map(|(arm, seeds)| {
            let of_seed =
                |(seed, grades): (u32, &&str)| (Member { seed, draw: 0 }, trial(seed, grades));
            (
                ArmRef::of("h", arm),
                (0..).zip(seeds.iter()).map(of_seed).collect(),
            )
        });
        let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../results/reference/tiny");
        let manifest = Manifest::read(Path::new(reference)).unwrap();
        Evidence {
            manifest,
            registrations: Vec::new(),
            trials: trials.collect(),
        }
    }

    #[test]
    fn effects_are_paired_by_seed() {
        let evidence = evidence(&[("a", &["ccww", "cccc"]), ("b", &["cwww", "wwuu"])]);
        let effect = evidence.effect(&ArmRef::of("h", "a"), &ArmRef::of("h", "b"));
        assert_eq!(effect.values(), [25.0, 100.0]);
        assert_eq!((effect.draws, effect.problems), (1, 4));
    }

    #[test]
    fn pairs_from_different_locks_are_left_out() {
        let mut evidence = evidence(&[("a", &["cc", "cc"]), ("b", &["ww", "ww"])]);
        let lock = |digest: &str| LockRecord {
            spec: Key::of(&"plain"),
            digest: digest.into(),
            gate: crate::lab::GateRecord {
                base: 1.0,
                weak: 0.0,
                locked: 0.0,
                password: None,
            },
        };
        for (arm, digests) in [("a", ["same", "one"]), ("b", ["same", "other"])] {
            let trials = evidence.trials.get_mut(&ArmRef::of("h", arm)).unwrap();
            for (trial, digest) in trials.values_mut().zip(digests) {
                trial.locks.push(lock(digest));
            }
        }
        let effect = evidence.effect(&ArmRef::of("h", "a"), &ArmRef::of("h", "b"));
        assert_eq!((effect.per_seed.len(), effect.mismatched), (1, 1));
        assert!(effect.per_seed.contains_key(&0));
    }

    #[test]
    fn a_trend_is_the_fitted_difference_between_the_ends() {
        // 100, 75, 50, 25 percent fall by 75 points; 100, 0, 100, 0 have a slope of -20 a step.
        let arms: [(&str, &[&str]); 4] = [
            ("a", &["cccc", "cccc"]),
            ("b", &["cccw", "wwww"]),
            ("c", &["ccww", "cccc"]),
            ("d", &["cwww", "wwww"]),
        ];
        let following = ["b", "c", "d"].map(|arm| ArmRef::of("h", arm));
        let trend = evidence(&arms).trend(&ArmRef::of("h", "a"), &following);
        let expected = [-75.0, -60.0];
        for (value, expected) in trend.values().iter().zip(expected) {
            assert!((value - expected).abs() < 1e-9, "{value}");
        }
    }
}
