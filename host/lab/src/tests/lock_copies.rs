//! Copies of locks on their way: what they are equal to, and that a lock is trained once for all.

use std::sync::Arc;
use std::time::Duration;

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RResult, RVec};
use picklock_record::{LockCopies, Member, Outcome, TrialRecord};
use picklock_sdk::abi::{HypothesisApi, HypothesisApi_TO, HypothesisBox, LabBox, guarded};
use picklock_sdk::{Arm, Interlude, LockSpec, Recipe, Request};

use super::{Asking, MICRO, bench, bench_of};
use crate::bench::Bench;
use crate::cohort::Cohort;
use crate::operation::Operation;

/// The digest of seed 0's locked model, after so many steps where those aren't all.
fn digest(bench: &mut Bench, spec: &LockSpec, after: Option<u32>) -> String {
    let operation = Operation::Locked {
        seed: 0,
        spec: spec.clone(),
        after,
    };
    bench.models(&[operation]).unwrap()[0].digest().unwrap()
}

/// A copy, and the whole lock that it was made with.
fn copy_and_whole(organism: &str, spec: &LockSpec, step: u32) -> (String, String) {
    bench_of(organism, &LockCopies::default(), |bench| {
        let copy = digest(bench, spec, Some(step));
        (copy, digest(bench, spec, None))
    })
}

fn made_to_its_end(organism: &str, spec: &LockSpec) -> String {
    bench_of(organism, &LockCopies::default(), |bench| {
        digest(bench, spec, None)
    })
}

#[test]
fn at_a_constant_rate_a_copy_is_a_lock_of_as_many_steps() {
    let plain = LockSpec::plain();
    let (copy, whole) = copy_and_whole(MICRO, &plain, 9);
    assert_eq!(copy, made_to_its_end(MICRO, &plain.clone().steps(9)));
    assert_eq!(whole, made_to_its_end(MICRO, &plain));
    assert_ne!(copy, whole);
    let (start, _) = copy_and_whole(MICRO, &plain, 0);
    let base = bench(|bench| {
        let base = bench.models(&[Operation::Base { seed: 0 }]).unwrap();
        base[0].digest().unwrap()
    });
    assert_eq!(start, base);
}

/// Its rates are those of the whole lock, whichever copies it is made with.
#[test]
fn a_copy_has_the_schedule_of_the_whole_lock() {
    let organism = MICRO.replace(
        "learning_rate = 5e-3,",
        "learning_rate = 5e-3, decay = \"linear\",",
    );
    let plain = LockSpec::plain();
    let (copy, whole) = copy_and_whole(&organism, &plain, 9);
    assert_ne!(copy, made_to_its_end(&organism, &plain.clone().steps(9)));
    assert_eq!(whole, made_to_its_end(&organism, &plain));
    let copies = [3, 9, 15].map(|step| (plain.clone(), step));
    let among_others = bench_of(&organism, &LockCopies::from_iter(copies), |bench| {
        digest(bench, &plain, Some(9))
    });
    assert_eq!(copy, among_others);
}

#[test]
fn copies_of_an_interrupted_lock_come_before_the_interlude() {
    let unlock = picklock_files::toml_file::parse(
        std::path::Path::new("recipe"),
        "optimizer.adamw = { beta1 = 0.9, beta2 = 0.99 }\nlearning_rate = 1e-3\nsteps = 3\nbatch = 2",
    );
    let recipe: Recipe = unlock.unwrap();
    for fresh_optimizer in [false, true] {
        let spec = LockSpec::plain().interrupted(Interlude {
            every: 8,
            samples: 2,
            fresh_samples: true,
            recipe: recipe.clone(),
            fresh_optimizer,
        });
        let copies = [0, 8, 13, 16].map(|step| (spec.clone(), step));
        bench_of(MICRO, &LockCopies::from_iter(copies), |bench| {
            let whole = digest(bench, &spec, None);
            assert_eq!(whole, made_to_its_end(MICRO, &spec));
            for step in [8, 13, 16] {
                let copy = digest(bench, &spec, Some(step));
                let short = made_to_its_end(MICRO, &spec.clone().steps(step));
                assert_eq!(copy, short, "{step} {fresh_optimizer}");
            }
        });
    }
}

#[test]
fn a_lock_is_trained_once_for_all_copies_that_are_known() {
    let plain = LockSpec::plain();
    let copies = [5, 10].map(|step| (plain.clone(), step));
    let copies = LockCopies::from_iter(copies);
    bench_of(MICRO, &copies, |bench| {
        digest(bench, &plain, None);
        let kept = bench.maker.names().lock_and_copies(0, &plain, &copies);
        assert_eq!(kept.len(), 3);
        assert!(kept.iter().all(|key| bench.maker.cache.holds(key)));
    });
}

/// Evaluates the copy after as many steps as its arm says.
struct Copied;

impl HypothesisApi for Copied {
    fn arms(&self) -> RResult<RVec<Arm>, picklock_sdk::LabError> {
        RResult::ROk(RVec::new())
    }

    fn run(&self, lab: LabBox, arm: Arm) -> RResult<(), picklock_sdk::LabError> {
        guarded(|| {
            let lab = Asking(&lab);
            let (lock, step) = (LockSpec::plain(), arm.number("step")? as u32);
            let copy = lab.model(Request::LockedAfter { lock, step })?;
            lab.evaluate(copy, "held-out").map(|_| ())
        })
    }
}

fn record(step: u32) -> TrialRecord {
    let hypothesis: HypothesisBox = HypothesisApi_TO::from_value(Copied, TD_Opaque);
    bench(|bench| {
        let cohort = Cohort {
            hypothesis: &Arc::new(hypothesis),
            name: "test",
            arm: &Arm::new("copied").with("step", f64::from(step)),
            members: &[Member { seed: 0, draw: 0 }],
            time_limit: Duration::from_mins(1),
        };
        cohort.run(bench).unwrap().swap_remove(0)
    })
}

#[test]
fn a_trial_records_its_copy_and_the_lock_that_is_judged() {
    let on_the_way = record(9);
    assert_eq!(on_the_way.outcome, Outcome::Done);
    let after: Vec<_> = on_the_way.locks.iter().map(|lock| lock.after).collect();
    assert_eq!(after, [Some(9), None]);
    let at_the_end = record(20);
    assert_eq!(at_the_end.locks, on_the_way.locks[1..]);
    let beyond = record(21);
    let reason = "lock: a copy after 21 steps, expected at most its 20";
    let reason = reason.to_string();
    assert_eq!(beyond.outcome, Outcome::Failed { reason });
}
