//! The calibration in small: the defaults keep what docs/src/calibration.md says of them, and the
//! simulation tells a sound method from one that isn't.

#![allow(
    dead_code,
    reason = "the example uses all of these modules, a test only some of each"
)]

#[path = "../examples/calibrate/selection.rs"]
mod selection;
#[path = "../examples/calibrate/tally.rs"]
mod tally;
#[path = "../examples/calibrate/world.rs"]
mod world;

use tally::{Method, Tally, tally};
use world::{Dominant, World};

const WORLDS: usize = 1000;

fn tallied(dominant: Dominant, shared: bool, seeds: usize, method: Method) -> Tally {
    let world = World {
        dominant,
        shared,
        seeds,
    };
    tally(&world, [0.5, 0.45], method, WORLDS, 1)
}

/// The most of `n` that a true share allows but once in 10,000 (normal approximation).
fn most(share: f64, n: usize) -> f64 {
    let n = n as f64;
    n * share + 3.7 * (n * share * (1.0 - share)).sqrt()
}

fn sound(tally: &Tally) {
    let errs = [
        (tally.greater, 0.025),
        (tally.less, 0.025),
        (tally.equivalent, 0.05),
    ];
    for (count, share) in errs {
        assert!((count as f64) < most(share, WORLDS), "{tally:?}");
    }
    if let Some(covered) = tally.covered {
        let missed = 2 * WORLDS - covered;
        assert!((missed as f64) < most(0.05, 2 * WORLDS), "{tally:?}");
    }
}

#[test]
fn t_over_seeds_is_sound_where_problems_are_their_own() {
    for (dominant, seeds) in [
        (Dominant::Seed, 3),
        (Dominant::Draw, 4),
        (Dominant::Problem, 8),
    ] {
        sound(&tallied(dominant, false, seeds, Method::T));
    }
}

#[test]
fn two_way_is_sound_where_problems_are_shared() {
    for (dominant, seeds) in [
        (Dominant::Seed, 3),
        (Dominant::Draw, 4),
        (Dominant::Problem, 8),
    ] {
        sound(&tallied(dominant, true, seeds, Method::TwoWay));
    }
}

#[test]
fn t_over_seeds_takes_shared_problems_for_granted() {
    let tally = tallied(Dominant::Problem, true, 16, Method::T);
    let missed = 2 * WORLDS - tally.covered.unwrap();
    assert!(missed as f64 > 2.0 * most(0.05, 2 * WORLDS), "{tally:?}");
}

#[test]
fn four_seeds_have_too_few_signs() {
    let tally = tallied(Dominant::Seed, false, 4, Method::SignFlip);
    assert_eq!((tally.greater, tally.less, tally.equivalent), (0, 0, 0));
}

#[test]
fn a_search_for_the_best_scale_biases_only_where_it_is_judged_by_itself() {
    let [fresh, same] = selection::best_of_scales(4, WORLDS, 2);
    let percent = |count: f64| 100.0 * count / WORLDS as f64;
    assert!(fresh.greater < percent(most(0.025, WORLDS)), "{fresh:?}");
    assert!(same.greater > 20.0, "{same:?}");
}

#[test]
fn a_gate_on_the_mean_does_no_harm_where_unlocking_does_nothing() {
    let [on_the_mean, _] = selection::gate(8, WORLDS, true, 3);
    let percent = |count: f64| 100.0 * count / WORLDS as f64;
    assert!(
        on_the_mean.greater < percent(most(0.025, WORLDS)),
        "{on_the_mean:?}"
    );
    let [_, left_out] = selection::gate(16, WORLDS, false, 4);
    assert!(left_out.greater > 15.0, "{left_out:?}");
}
