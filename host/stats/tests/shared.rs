//! Seeds that share their problems: judged two-way, cell by cell, and said to be so.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_stats::{
    DEFAULT_SMALLEST, Evidence, Expectation, Generalises, Judgement, Margin, Pairs, Problems,
    Resampling, SeedMean, Undefined, judge, mcnemar, sign_flip,
};

const PROBLEMS: usize = 6;

/// Four seeds on six problems: two of these are gained by every seed, which seeds alone can't see.
const EFFECTS: [f64; 24] = [
    100.0, 75.0, 0.0, 0.0, 0.0, 25.0, //
    100.0, 100.0, 0.0, -25.0, 0.0, 0.0, //
    75.0, 100.0, 0.0, 0.0, 25.0, 0.0, //
    100.0, 100.0, -25.0, 0.0, 0.0, 25.0,
];
const CORE: [f64; 24] = [
    75.0, 100.0, 50.0, 75.0, 50.0, 75.0, //
    100.0, 75.0, 75.0, 50.0, 75.0, 75.0, //
    75.0, 75.0, 100.0, 75.0, 50.0, 75.0, //
    50.0, 75.0, 75.0, 100.0, 75.0, 50.0,
];

fn means(cells: &[f64]) -> Vec<f64> {
    let mean = |row: &[f64]| row.iter().sum::<f64>() / row.len() as f64;
    cells.chunks(PROBLEMS).map(mean).collect()
}

fn judged(expectation: Expectation, problems: Problems) -> Judgement {
    let (effects, core) = match problems {
        Problems::Shared(_) => (EFFECTS.to_vec(), CORE.to_vec()),
        _ => (means(&EFFECTS), means(&CORE)),
    };
    let evidence = Evidence {
        effects: &effects,
        core: Some(&core),
        reference: Some(&core),
        problems,
    };
    judge(&expectation, &evidence, &DEFAULT_SMALLEST, 0.05).unwrap()
}

#[test]
fn problems_that_seeds_share_are_no_more_than_they_are() {
    let fixed = judged(Expectation::Greater, Problems::Fixed);
    assert!(fixed.supported && fixed.generalises == Generalises::NewSeeds);
    let shared = judged(Expectation::Greater, Problems::Shared(PROBLEMS));
    assert!(!shared.supported, "{}", shared.reason);
    assert_eq!(shared.generalises.to_string(), "new seeds and problems");
    assert_eq!(shared.n_seeds, 4);
    assert!((shared.estimate - fixed.estimate).abs() < 1e-12);
    assert!(
        shared
            .reason
            .contains(", 4 seeds on 6 shared problems): not shown to be above 0"),
        "{}",
        shared.reason
    );
}

#[test]
fn contrasts_are_formed_cell_by_cell() {
    let judgement = judged(
        Expectation::NonInferior(Margin::CoreShare(0.25)),
        Problems::Shared(PROBLEMS),
    );
    let pairs = EFFECTS.iter().zip(&CORE);
    let contrast: Vec<f64> = pairs.map(|(x, core)| x + 0.25 * core).collect();
    let expected = SeedMean::two_way(&contrast, PROBLEMS).unwrap();
    let got = judgement.contrasts[0];
    assert!((got.standard_error - expected.standard_error).abs() < 1e-12);
    assert!((judgement.p.unwrap() - expected.p_above().unwrap()).abs() < 1e-12);
}

#[test]
fn the_interval_and_p_agree() {
    let judgement = judged(Expectation::Greater, Problems::Shared(PROBLEMS));
    assert_eq!(judgement.p.unwrap() <= 0.05, judgement.ci_low > 0.0);
    let mean = SeedMean::two_way(&EFFECTS, PROBLEMS).unwrap();
    let p = mean.p().unwrap();
    let edge = mean.interval(1.0 - p).unwrap();
    assert!(edge.low.abs() < 1e-9, "{edge:?}");
}

#[test]
fn tables_of_different_size_are_refused() {
    let evidence = |core| Evidence {
        effects: &EFFECTS,
        core: Some(core),
        reference: None,
        problems: Problems::Shared(PROBLEMS),
    };
    let judge = |core| {
        let kind = Expectation::Equivalent(Margin::CoreShare(0.25));
        judge(&kind, &evidence(core), &DEFAULT_SMALLEST, 0.05).unwrap_err()
    };
    let fewer = Undefined::SeedsDiffer {
        what: "core's effects",
        expected: 4,
        got: 3,
    };
    assert_eq!(judge(&CORE[..18]), fewer);
    assert_eq!(
        judge(&CORE[1..]),
        Undefined::Ragged {
            values: 23,
            each: 6
        }
    );
}

#[test]
fn signs_are_flipped_by_seed() {
    let evidence = Evidence {
        effects: &EFFECTS,
        core: Some(&CORE),
        reference: None,
        problems: Problems::Shared(PROBLEMS),
    };
    let flip = |kind| sign_flip(&kind, &evidence, Resampling::keyed(1)).unwrap();
    // All four seeds gained: 2 of 16 signs are as far out, and nothing could be further.
    let greater = flip(Expectation::Greater);
    assert_eq!((greater.p, greater.smallest), (0.125, 0.125));
    // One side holds in every seed (1 of 16), the other in none: the larger p counts.
    let equivalent = flip(Expectation::Equivalent(Margin::CoreShare(0.25)));
    assert_eq!((equivalent.p, equivalent.smallest), (1.0, 0.0625));
}

#[test]
fn a_single_seed_speaks_of_problems() {
    let pairs = Pairs {
        gained: 6,
        lost: 0,
        problems: 40,
    };
    let test = mcnemar(pairs, 0.95).unwrap();
    assert_eq!(test.generalises().to_string(), "new problems");
}
