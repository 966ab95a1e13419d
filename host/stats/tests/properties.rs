//! What must hold for any data: interval and p agree, signs mirror, order and scale don't matter.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_stats::{
    DEFAULT_SMALLEST, Evidence, Expectation, Judgement, Margin, Pairs, Problems, SeedMean, holm,
    judge, mcnemar, wilson,
};

/// `SplitMix64` (Steele, Lea and Flood 2014): the same numbers everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Uniform within (-1, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    /// Per-seed effects around `centre`, in steps of 0.625 points half of the time.
    fn effects(&mut self, n: usize, centre: f64, spread: f64) -> Vec<f64> {
        let step = if self.below(2) == 0 { 0.625 } else { 1e-9 };
        (0..n)
            .map(|_| ((centre + spread * self.unit()) / step).round() * step)
            .collect()
    }
}

/// Data sets in which effects of all sizes, seeds from 2 to 20 and ties occur.
fn data_sets() -> impl Iterator<Item = (Vec<f64>, Vec<f64>)> {
    let mut random = Random(1);
    (0..2000).map(move |_| {
        let n = 2 + random.below(19) as usize;
        let (centre, spread) = (12.0 * random.unit(), 10.0 * random.unit().abs());
        let effects = random.effects(n, centre, spread);
        (effects, random.effects(n, 40.0, 2.0))
    })
}

fn judged(expectation: Expectation, effects: &[f64], core: &[f64]) -> Judgement {
    let evidence = Evidence {
        effects,
        core: Some(core),
        reference: Some(core),
        problems: Problems::Own,
    };
    judge(&expectation, &evidence, &DEFAULT_SMALLEST, 0.05).unwrap()
}

#[test]
fn p_is_at_most_alpha_just_where_the_interval_excludes_0() {
    let mut sides = [0; 2];
    for (effects, _) in data_sets() {
        let mean = SeedMean::of(&effects).unwrap();
        let Ok(p) = mean.p() else { continue };
        for alpha in [0.2, 0.1, 0.05, 0.01, 0.001] {
            let excluded = !mean.interval(1.0 - alpha).unwrap().contains(0.0);
            assert_eq!(p <= alpha, excluded, "{effects:?} at {alpha}");
            sides[usize::from(excluded)] += 1;
        }
    }
    assert!(sides[0] > 1000 && sides[1] > 1000, "{sides:?}");
}

#[test]
fn equivalence_in_points_is_the_interval_within_the_margin() {
    let mut supported = 0;
    for (effects, core) in data_sets() {
        let judgement = judged(
            Expectation::Equivalent(Margin::Points(4.0)),
            &effects,
            &core,
        );
        let within = judgement.ci_low > -4.0 && judgement.ci_high < 4.0;
        assert_eq!(
            judgement.supported,
            within && judgement.p.is_some(),
            "{effects:?}"
        );
        supported += usize::from(judgement.supported);
    }
    assert!(supported > 100, "{supported}");
}

#[test]
fn greater_and_less_mirror_each_other() {
    for (effects, core) in data_sets() {
        let negative: Vec<f64> = effects.iter().map(|effect| -effect).collect();
        let up = judged(Expectation::Greater, &effects, &core);
        let down = judged(Expectation::Less, &negative, &core);
        assert_eq!(
            (
                up.p_for_claim,
                up.supported,
                up.contradicted,
                up.seeds_needed
            ),
            (
                down.p_for_claim,
                down.supported,
                down.contradicted,
                down.seeds_needed
            ),
            "{effects:?}"
        );
        assert_eq!((up.ci_low, up.ci_high), (-down.ci_high, -down.ci_low));
    }
}

#[test]
fn only_a_small_effect_is_both_supported_and_contradicted() {
    let kinds = [
        Expectation::Equivalent(Margin::CoreShare(0.25)),
        Expectation::NonInferior(Margin::CoreShare(0.25)),
        Expectation::NonInferior(Margin::Points(3.0)),
        Expectation::RatioWithin {
            low: 0.0,
            high: 0.2,
        },
    ];
    for (effects, core) in data_sets() {
        for kind in kinds {
            let judgement = judged(kind, &effects, &core);
            assert!(
                !(judgement.supported && judgement.contradicted),
                "{kind:?} {effects:?}"
            );
        }
    }
}

#[test]
fn an_open_prediction_needs_more_seeds_than_it_has() {
    for (effects, core) in data_sets() {
        for kind in [
            Expectation::Greater,
            Expectation::Equivalent(Margin::CoreShare(0.25)),
        ] {
            let judgement = judged(kind, &effects, &core);
            if let (false, Some(seeds)) = (judgement.supported, judgement.seeds_needed) {
                assert!(seeds > effects.len(), "{kind:?} {effects:?}: {seeds}");
            }
        }
    }
}

#[test]
fn order_of_seeds_does_not_matter() {
    for (effects, _) in data_sets() {
        let reversed: Vec<f64> = effects.iter().rev().copied().collect();
        let (one, other) = (
            SeedMean::of(&effects).unwrap(),
            SeedMean::of(&reversed).unwrap(),
        );
        assert!((one.estimate - other.estimate).abs() < 1e-12);
        assert!((one.standard_error - other.standard_error).abs() < 1e-12);
    }
}

#[test]
fn seeds_and_problems_weigh_alike_and_neither_is_forgotten() {
    let mut random = Random(3);
    let mut guarded = 0;
    for _ in 0..500 {
        let (seeds, problems) = (2 + random.below(8) as usize, 2 + random.below(8) as usize);
        let values = random.effects(seeds * problems, 5.0, 60.0);
        let column = |problem: usize| values.iter().skip(problem).step_by(problems).copied();
        let turned: Vec<f64> = (0..problems).flat_map(column).collect();
        let both = SeedMean::two_way(&values, problems).unwrap();
        let other = SeedMean::two_way(&turned, seeds).unwrap();
        assert!((both.estimate - other.estimate).abs() < 1e-9);
        assert!((both.standard_error - other.standard_error).abs() < 1e-9);
        assert!((both.p().unwrap() - other.p().unwrap()).abs() < 1e-9);
        let one_way = [(&values, problems), (&turned, seeds)].map(|(cells, each)| {
            let mean = |row: &[f64]| row.iter().sum::<f64>() / each as f64;
            let means: Vec<f64> = cells.chunks(each).map(mean).collect();
            SeedMean::of(&means).unwrap().standard_error
        });
        let larger = one_way[0].max(one_way[1]);
        assert!(both.standard_error >= larger * (1.0 - 1e-12), "{values:?}");
        guarded += usize::from(both.standard_error <= larger * (1.0 + 1e-12));
    }
    assert!((20..480).contains(&guarded), "{guarded}");
}

#[test]
fn holm_is_monotone_and_never_below_p() {
    let mut random = Random(2);
    for size in 1..60 {
        let ps: Vec<f64> = (0..size).map(|_| random.unit().powi(4)).collect();
        let adjusted = holm(&ps, 0.05).unwrap();
        for (p, one) in ps.iter().zip(&adjusted) {
            assert!(one.p >= *p && one.p <= 1.0);
            assert_eq!(one.p <= 0.05, one.factor as f64 * p <= 0.05, "{ps:?}");
            let not_above = ps.iter().zip(&adjusted).filter(|(other, _)| *other <= p);
            assert!(not_above.map(|(_, other)| other.p).fold(0.0, f64::max) <= one.p);
        }
    }
}

#[test]
fn mcnemar_p_and_interval_agree() {
    for gained in 0..30 {
        for lost in 0..30 {
            let test = mcnemar(
                Pairs {
                    gained,
                    lost,
                    problems: 60,
                },
                0.95,
            )
            .unwrap();
            let excluded = test
                .interval
                .is_some_and(|interval| !interval.contains(0.0));
            assert_eq!(test.p <= 0.05, excluded, "{test:?}");
        }
    }
}

#[test]
fn wilson_holds_the_accuracy_and_mirrors() {
    for problems in 1..60 {
        for correct in 0..=problems {
            let one = wilson(correct, problems, 0.95).unwrap();
            let other = wilson(problems - correct, problems, 0.95).unwrap();
            assert!(
                one.contains(100.0 * correct as f64 / problems as f64),
                "{one:?}"
            );
            assert!((one.low - (100.0 - other.high)).abs() < 1e-10);
        }
    }
}
