//! Effects: paired differences between arms, problem by problem within each seed and draw.

use std::collections::BTreeMap;

use picklock_sdk::HELD_OUT;
use picklock_stats::Pairs;

use super::evidence::{Evidence, mean};
use super::trial::{Graded, Trial};
use crate::hypothesis::{ArmRef, Prediction};
use crate::lab::{LockRecord, Member};

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

/// The problems of a pair of trials that an effect is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// All of them; an answer that can't be read is not correct.
    All,
    /// Those whose answers could be read in both arms.
    ParsedInBoth,
}

impl Over {
    /// The difference of two trials in percentage points; none where no problem is left.
    fn points(self, treated: &Graded, control: &Graded) -> Option<f64> {
        if self == Self::All {
            return Some(treated.accuracy() - control.accuracy());
        }
        let pairs = treated.grades.bytes().zip(control.grades.bytes());
        let (mut kept, mut gained) = (0_u32, 0_i32);
        for (a, b) in pairs.filter(|(a, b)| *a != b'u' && *b != b'u') {
            kept += 1;
            gained += i32::from(a == b'c') - i32::from(b == b'c');
        }
        (kept > 0).then(|| 100.0 * f64::from(gained) / f64::from(kept))
    }
}

impl Effect {
    /// The differences in seed order, in percentage points.
    pub fn values(&self) -> Vec<f64> {
        self.per_seed.values().copied().collect()
    }

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
    /// The paired effect treated - control on the held-out problems: of each problem within each
    /// draw, averaged within each seed. Pairs from different locked models are left out.
    pub fn effect(&self, treated: &ArmRef, control: &ArmRef) -> Effect {
        self.effect_over(Over::All, treated, control)
    }

    /// The same over some of the problems.
    pub fn effect_over(&self, over: Over, treated: &ArmRef, control: &ArmRef) -> Effect {
        let mut effect = Effect::default();
        let mut of_seed: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for trial in self.done(treated) {
            let Some((a, other, b)) = self.pair(trial, control) else {
                continue;
            };
            if !same_locks(&trial.locks, &other.locks) {
                effect.mismatched += 1;
                continue;
            }
            if let Some(points) = over.points(a, b) {
                effect.problems = a.problems() as u32;
                of_seed.entry(trial.member.seed).or_default().push(points);
            }
        }
        let draws = of_seed.values().map(|draws| draws.len() as u32);
        effect.draws = draws.min().unwrap_or(0);
        let average = |(seed, draws): (u32, Vec<f64>)| (seed, mean(&draws));
        effect.per_seed = of_seed.into_iter().map(average).collect();
        effect
    }

    /// What a trial and its control's answered to the same held-out problems.
    fn pair<'e>(
        &'e self,
        trial: &'e Trial,
        control: &ArmRef,
    ) -> Option<(&'e Graded, &'e Trial, &'e Graded)> {
        let other = self.trial(control, trial.member)?;
        let (a, b) = (trial.measure(HELD_OUT)?, other.measure(HELD_OUT)?);
        (other.is_done() && a.problems() == b.problems()).then_some((a, other, b))
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

    /// The whole effect that a prediction's ratio is a share of.
    pub fn reference(&self, home: &str, prediction: &Prediction) -> Option<Effect> {
        let arm = prediction.reference.as_ref()?;
        let from = prediction.reference_baseline.as_ref();
        let from = from.unwrap_or(&prediction.control);
        Some(self.effect(&arm.absolute(home), &from.absolute(home)))
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
    pub fn discordant(&self, treated: &ArmRef, control: &ArmRef, member: Member) -> Option<Pairs> {
        let (a, _, b) = self.pair(self.trial(treated, member)?, control)?;
        let pairs = || a.grades.bytes().zip(b.grades.bytes());
        let only = |one: fn((u8, u8)) -> (u8, u8)| {
            let pairs = pairs().map(one);
            pairs.filter(|(a, b)| *a == b'c' && *b != b'c').count() as u64
        };
        Some(Pairs {
            gained: only(|pair| pair),
            lost: only(|(a, b)| (b, a)),
            problems: a.problems() as u64,
        })
    }
}

/// Arms may be compared where the locks that both used are the same weights.
pub fn same_locks(a: &[LockRecord], b: &[LockRecord]) -> bool {
    a.iter()
        .all(|a| b.iter().all(|b| a.spec != b.spec || a.digest == b.digest))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use picklock_sdk::Questions;

    use super::*;
    use crate::journal::Manifest;
    use crate::lab::{GateRecord, Outcome};
    use crate::organism::Key;
    use crate::report::evidence::Kept;

    fn evidence(arms: &[(&str, &[&str])]) -> Evidence {
        let trial = |seed: u32, grades: &str| Trial {
            member: Member { seed, draw: 0 },
            outcome: Outcome::Done,
            locks: Vec::new(),
            metrics: Vec::new(),
            measures: vec![Graded {
                name: HELD_OUT.into(),
                questions: Questions::held_out(),
                grades: grades.into(),
            }],
        };
        let trials = arms.iter().map(|(arm, seeds)| {
            let of_seed = |(seed, grades): (u32, &&str)| {
                let (trial, segment) = (trial(seed, grades), "journal".into());
                (Member { seed, draw: 0 }, Kept { trial, segment })
            };
            let seeds = (0..).zip(seeds.iter()).map(of_seed);
            (ArmRef::of("h", arm), seeds.collect())
        });
        let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../results/reference/tiny");
        Evidence {
            manifest: Manifest::read(Path::new(reference)).unwrap(),
            registrations: Vec::new(),
            altered: Vec::new(),
            notes: Vec::new(),
            trials: trials.collect(),
        }
    }

    fn arms() -> (ArmRef, ArmRef) {
        (ArmRef::of("h", "a"), ArmRef::of("h", "b"))
    }

    #[test]
    fn effects_are_paired_by_seed() {
        let evidence = evidence(&[("a", &["ccww", "cccc"]), ("b", &["cwww", "wwuu"])]);
        let effect = evidence.effect(&arms().0, &arms().1);
        assert_eq!(effect.values(), [25.0, 100.0]);
        assert_eq!((effect.draws, effect.problems), (1, 4));
    }

    #[test]
    fn unparsed_problems_of_either_arm_can_be_left_out() {
        let evidence = evidence(&[("a", &["cuww", "uuuu"]), ("b", &["ucww", "cccc"])]);
        let parsed = |over| evidence.effect_over(over, &arms().0, &arms().1).values();
        assert_eq!(parsed(Over::All), [0.0, -100.0]);
        assert_eq!(parsed(Over::ParsedInBoth), [0.0]);
    }

    #[test]
    fn gained_and_lost_problems_are_told_apart() {
        let evidence = evidence(&[("a", &["ccuw"]), ("b", &["wucc"])]);
        let member = Member { seed: 0, draw: 0 };
        let pairs = evidence.discordant(&arms().0, &arms().1, member).unwrap();
        assert_eq!((pairs.gained, pairs.lost, pairs.problems), (2, 2, 4));
    }

    #[test]
    fn pairs_from_different_locks_are_left_out() {
        let mut evidence = evidence(&[("a", &["cc", "cc"]), ("b", &["ww", "ww"])]);
        let lock = |digest: &str| LockRecord {
            spec: Key::of(&"plain"),
            digest: digest.into(),
            gate: GateRecord {
                base: 1.0,
                weak: 0.0,
                locked: 0.0,
                password: None,
            },
        };
        for (arm, digests) in [("a", ["same", "one"]), ("b", ["same", "other"])] {
            let trials = evidence.trials.get_mut(&ArmRef::of("h", arm)).unwrap();
            for (kept, digest) in trials.values_mut().zip(digests) {
                kept.trial.locks.push(lock(digest));
            }
        }
        let effect = evidence.effect(&arms().0, &arms().1);
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
