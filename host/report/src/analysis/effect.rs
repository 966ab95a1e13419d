//! Effects: paired differences between arms, problem by problem within each seed and draw.

use std::collections::BTreeMap;

use picklock_record::{
    ArmRef, GradedMeasure, GradedTrial, LockRecord, Member, Prediction, core_arms,
};
use picklock_sdk::HELD_OUT;
use picklock_stats::{Measured, Pairs, Problems, SeedMean, trend};

use crate::evidence::{Evidence, mean};
use crate::numbers::Estimate;

/// One arm's part in a contrast: its weight, its trial, and what that measured.
type Term<'e> = (f64, &'e GradedTrial, &'e GradedMeasure);

/// A weighted sum of arms: +1 treated and -1 control for a plain difference. The weights sum to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Contrast(Vec<(f64, ArmRef)>);

impl Contrast {
    /// treated - control.
    pub fn between(treated: ArmRef, control: ArmRef) -> Self {
        Self(vec![(1.0, treated), (-1.0, control)])
    }

    /// What a prediction of the hypothesis `home` speaks of: treated - control; with baselines
    /// (treated - its baseline) - (control - its baseline); through other arms the fitted change from
    /// control to treated.
    pub fn predicted(home: &str, prediction: &Prediction) -> Self {
        let arm = |arm: &ArmRef| arm.absolute(home);
        let (treated, control) = (arm(&prediction.treated), arm(&prediction.control));
        if let (Some(treated_from), Some(control_from)) =
            (&prediction.treated_baseline, &prediction.control_baseline)
        {
            let arms = [treated, arm(treated_from), control, arm(control_from)];
            return Self([1.0, -1.0, -1.0, 1.0].into_iter().zip(arms).collect());
        }
        if prediction.through.is_empty() {
            return Self::between(treated, control);
        }
        let through = prediction.through.iter().map(arm);
        Self::trend(
            [control]
                .into_iter()
                .chain(through)
                .chain([treated])
                .collect(),
        )
    }

    /// The fitted change over equally spaced arms: what it makes of an arm alone is its weight.
    fn trend(arms: Vec<ArmRef>) -> Self {
        let count = arms.len();
        let weight = |place: usize| {
            let alone: Vec<f64> = (0..count)
                .map(|arm| f64::from(u8::from(arm == place)))
                .collect();
            trend(&alone).unwrap_or_default()
        };
        Self((0..count).map(weight).zip(arms).collect())
    }
}

/// The problems that an effect is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// All of them; an answer that can't be read is not correct.
    All,
    /// Those whose answers could be read in all arms.
    ParsedInAll,
}

/// A paired effect, in percentage points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    /// Mean of each seed over its problems and draws.
    pub per_seed: BTreeMap<u32, f64>,
    /// Of each seed, `[draw][problem]`.
    differences: BTreeMap<u32, Vec<Vec<f64>>>,
    /// The fewest draws of a seed.
    pub draws: u32,
    /// Problems of a trial.
    pub problems: u32,
    /// Whether all seeds were asked the same problems.
    pub shared: bool,
    /// Pairs that were left out because they did not start from the same locked model.
    pub mismatched: usize,
}

impl Effect {
    /// The means in seed order.
    pub fn values(&self) -> Vec<f64> {
        self.per_seed.values().copied().collect()
    }

    /// The mean over seeds; none where there is no seed.
    pub fn mean(&self) -> Option<f64> {
        (!self.per_seed.is_empty()).then(|| mean(&self.values()))
    }

    /// The mean over seeds with its interval: t over seeds, or two-way where they share their
    /// problems.
    pub fn estimate(&self, level: f64) -> Estimate {
        let seeds: Vec<u32> = self.per_seed.keys().copied().collect();
        let values = self.series(&seeds);
        let mean = match self.problems() {
            Problems::Shared(problems) => SeedMean::two_way(&values, problems),
            Problems::Own | Problems::Fixed => SeedMean::of(&values),
        };
        Estimate::of_mean(mean.ok(), &self.values(), level)
    }

    /// What stands behind each value of a [`Effect::series`].
    pub fn problems(&self) -> Problems {
        if self.shared {
            Problems::Shared(self.problems as usize)
        } else {
            Problems::Own
        }
    }

    /// These seeds' values, which it must have: their means, or where they share their problems one
    /// value for each seed and problem, averaged over draws.
    pub fn series(&self, seeds: &[u32]) -> Vec<f64> {
        if !self.shared {
            return seeds.iter().map(|seed| self.per_seed[seed]).collect();
        }
        let cells = |seed: &u32| {
            let draws = &self.differences[seed];
            let cell = |problem: usize| {
                let values = draws.iter().map(|draw| draw[problem]);
                values.sum::<f64>() / draws.len() as f64
            };
            (0..self.problems as usize).map(cell).collect::<Vec<f64>>()
        };
        seeds.iter().flat_map(cells).collect()
    }

    /// Every single difference, seed by seed, in it draw by draw, in it problem by problem; of seeds
    /// with more draws than others as many as the fewest.
    pub fn differences(&self) -> Vec<f64> {
        let seeds = self.differences.values();
        let values = seeds.flat_map(|seed| seed.iter().take(self.draws as usize).flatten());
        values.copied().collect()
    }

    /// These differences as the statistics take them.
    pub fn measured<'v>(&self, differences: &'v [f64]) -> Measured<'v> {
        Measured {
            values: differences,
            draws: self.draws as usize,
            problems: self.problems as usize,
            shared: self.shared,
        }
    }
}

impl Evidence {
    /// The paired effect treated - control on the held-out problems.
    pub fn effect(&self, treated: &ArmRef, control: &ArmRef) -> Effect {
        self.effect_over(Over::All, treated, control)
    }

    /// The same over some of the problems.
    pub fn effect_over(&self, over: Over, treated: &ArmRef, control: &ArmRef) -> Effect {
        let contrast = Contrast::between(treated.clone(), control.clone());
        self.contrast(&contrast, over)
    }

    /// The difference that a prediction of the hypothesis `home` speaks of.
    pub fn predicted(&self, home: &str, prediction: &Prediction) -> Effect {
        self.contrast(&Contrast::predicted(home, prediction), Over::All)
    }

    /// A contrast on the held-out problems: of each problem within each draw that all arms have,
    /// averaged within each seed. Trials from different locked models are left out.
    pub fn contrast(&self, contrast: &Contrast, over: Over) -> Effect {
        let mut effect = Effect {
            shared: self.manifest.organism.problems.shared && over == Over::All,
            ..Effect::default()
        };
        let Some((_, first)) = contrast.0.first() else {
            return effect;
        };
        for trial in self.done(first) {
            let Some(side) = self.side_by_side(contrast, trial.member) else {
                continue;
            };
            let mut others = side
                .iter()
                .flat_map(|one| side.iter().map(move |other| (one, other)));
            if !others.all(|((_, a, _), (_, b, _))| same_locks(&a.locks, &b.locks)) {
                effect.mismatched += 1;
                continue;
            }
            let differences = differences(&side, over);
            if !differences.is_empty() {
                effect.problems = side[0].2.problems() as u32;
                let of_seed = effect.differences.entry(trial.member.seed).or_default();
                of_seed.push(differences);
            }
        }
        let average = |(seed, draws): (&u32, &Vec<Vec<f64>>)| {
            let draws: Vec<f64> = draws.iter().map(|draw| mean(draw)).collect();
            (*seed, mean(&draws))
        };
        effect.per_seed = effect.differences.iter().map(average).collect();
        let draws = effect.differences.values().map(|draws| draws.len() as u32);
        effect.draws = draws.min().unwrap_or(0);
        effect
    }

    /// What one member's trials of a contrast's arms answered, with their weights; none where one of
    /// them is missing, failed, or was asked something else.
    fn side_by_side(&self, contrast: &Contrast, member: Member) -> Option<Vec<Term<'_>>> {
        let one = |(weight, arm): &(f64, ArmRef)| {
            let trial = self.trial(arm, member).filter(|trial| trial.is_done())?;
            Some((*weight, trial, trial.measure(HELD_OUT)?))
        };
        let side: Vec<_> = contrast.0.iter().map(one).collect::<Option<_>>()?;
        let problems = side[0].2.problems();
        side.iter()
            .all(|(_, _, graded)| graded.problems() == problems)
            .then_some(side)
    }

    /// Problems that one seed and draw gained and lost from control to treated.
    pub fn discordant(&self, treated: &ArmRef, control: &ArmRef, member: Member) -> Option<Pairs> {
        let contrast = Contrast::between(treated.clone(), control.clone());
        let side = self.side_by_side(&contrast, member)?;
        let differences = differences(&side, Over::All);
        Some(Pairs {
            gained: differences.iter().filter(|value| **value > 0.0).count() as u64,
            lost: differences.iter().filter(|value| **value < 0.0).count() as u64,
            problems: differences.len() as u64,
        })
    }
}

/// Of each problem that counts, the weighted sum over arms, in percentage points.
fn differences(side: &[Term], over: Over) -> Vec<f64> {
    let count = side[0].2.problems();
    let mut values = vec![0.0; count];
    let mut counts = vec![true; count];
    for (weight, _, graded) in side {
        let letters = graded.grades.bytes();
        for ((value, counts), letter) in values.iter_mut().zip(&mut counts).zip(letters) {
            match letter {
                b'c' => *value += 100.0 * weight,
                b'u' if over == Over::ParsedInAll => *counts = false,
                _ => {}
            }
        }
    }
    let values = values.into_iter().zip(counts);
    values
        .filter_map(|(value, counts)| counts.then_some(value))
        .collect()
}

/// What a prediction compares, and what it is judged by: over the seeds that all of it has.
pub struct Compared {
    /// The difference that it speaks of.
    pub effect: Effect,
    /// The whole effect that its ratio is a share of.
    pub reference: Option<Effect>,
    effects: Vec<f64>,
    core: Vec<f64>,
    references: Option<Vec<f64>>,
}

impl Compared {
    /// What a prediction of the hypothesis `home` compares; `core` is its effect of core.
    pub fn new(evidence: &Evidence, home: &str, prediction: &Prediction, core: &Effect) -> Self {
        let effect = evidence.predicted(home, prediction);
        let reference = prediction.reference.as_ref().map(|arm| {
            let from = prediction.reference_baseline.as_ref();
            let from = from.unwrap_or(&prediction.control);
            evidence.effect(&arm.absolute(home), &from.absolute(home))
        });
        let others = || [core].into_iter().chain(&reference);
        let in_all = |seed: &u32| others().all(|other| other.per_seed.contains_key(seed));
        let seeds: Vec<u32> = effect.per_seed.keys().copied().filter(in_all).collect();
        Self {
            effects: effect.series(&seeds),
            core: core.series(&seeds),
            references: reference.as_ref().map(|reference| reference.series(&seeds)),
            effect,
            reference,
        }
    }

    /// As the statistics take it.
    pub fn evidence(&self) -> picklock_stats::Evidence<'_> {
        picklock_stats::Evidence {
            effects: &self.effects,
            core: Some(&self.core),
            reference: self.references.as_deref(),
            problems: self.effect.problems(),
        }
    }
}

/// The effect of core that a hypothesis' margins are shares of.
pub fn core_effect(evidence: &Evidence, core: &ArmRef) -> Effect {
    evidence.effect(core, &core_arms().1)
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
    use crate::evidence::Kept;
    use picklock_files::Key;
    use picklock_record::Manifest;
    use picklock_record::{GateRecord, Outcome};

    fn evidence(arms: &[(&str, &[&str])]) -> Evidence {
        let trial = |seed: u32, grades: &str| GradedTrial {
            member: Member { seed, draw: 0 },
            outcome: Outcome::Done,
            locks: Vec::new(),
            changes: Vec::new(),
            metrics: Vec::new(),
            measures: vec![GradedMeasure {
                name: HELD_OUT.into(),
                questions: Questions::held_out(),
                grades: grades.into(),
                answers: serde::de::IgnoredAny,
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
        let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../../results/reference/tiny");
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
        assert_eq!(parsed(Over::ParsedInAll), [0.0]);
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
            after: None,
            digest: digest.into(),
            gate: GateRecord {
                base: Some(1.0),
                weak: Some(0.0),
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
        let along = ["a", "b", "c", "d"].map(|arm| ArmRef::of("h", arm));
        let trend = Contrast::trend(along.to_vec());
        let trend = evidence(&arms).contrast(&trend, Over::All);
        let expected = [-75.0, -60.0];
        for (value, expected) in trend.values().iter().zip(expected) {
            assert!((value - expected).abs() < 1e-9, "{value}");
        }
    }
}
