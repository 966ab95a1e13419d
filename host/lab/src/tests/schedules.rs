//! Random schedules of cohort members: some fail, end early, panic, dawdle or ask for other shapes.
//! No schedule stops a cohort, and each member ends as it does alone.
//!
//! On one CPU environment everything is compared exactly: verdicts, generated tokens, metrics and
//! the digests of locked models. A GPU's kernels round by the shape of a stack, so there only the
//! verdicts over many problems may be expected to agree.

use std::sync::Arc;
use std::time::Duration;

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RResult, RVec};
use picklock_record::{Member, TrialRecord};
use picklock_sdk::abi::{HypothesisApi, HypothesisApi_TO, HypothesisBox, LabBox, guarded};
use picklock_sdk::{Arm, LabError, Noise, Questions, Request, Rng};
use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Asking, bench, members};
use crate::bench::Bench;
use crate::cohort::Cohort;

/// How many schedules are tried.
const SCHEDULES: u64 = 24;

/// What a member does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Ask for the locked model and evaluate it.
    Evaluate,
    /// Unlock with so many samples.
    Unlock(u32),
    /// Add noise of its own, and evaluate.
    Perturb,
    /// Record a number.
    Record,
    /// Ask for something that is refused, and go on.
    Refused,
    /// Do nothing for a while.
    Dawdle,
    /// End as if all were done.
    End,
    /// Fail.
    Fail,
    /// Panic.
    Panic,
}

/// The script of a member under a schedule: the same whoever it runs with.
fn script(schedule: u64, member: Member) -> Vec<Step> {
    let Member { seed, draw } = member;
    let number = schedule * 1000 + u64::from(seed * 10 + draw);
    let mut rng = ChaCha8Rng::seed_from_u64(number);
    let step = |rng: &mut ChaCha8Rng| match rng.random_range(0..20) {
        0..5 => Step::Evaluate,
        5..8 => Step::Unlock(2),
        8..10 => Step::Unlock(rng.random_range(1..6)),
        10..13 => Step::Perturb,
        13 => Step::Record,
        14 => Step::Refused,
        15..17 => Step::Dawdle,
        17 => Step::End,
        18 => Step::Fail,
        _ => Step::Panic,
    };
    let length = rng.random_range(0..6);
    (0..length).map(|_| step(&mut rng)).collect()
}

/// Follows the script of each member.
struct Following {
    schedule: u64,
}

impl HypothesisApi for Following {
    fn arms(&self) -> RResult<RVec<Arm>, LabError> {
        RResult::ROk(RVec::new())
    }

    fn run(&self, lab: LabBox, arm: Arm) -> RResult<(), LabError> {
        guarded(|| {
            let lab = Asking(&lab);
            let member = who(&lab, &arm)?;
            for (index, step) in script(self.schedule, member).into_iter().enumerate() {
                if !follow(&lab, step, index)? {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// A member knows itself by its private stream alone.
fn who(lab: &Asking, arm: &Arm) -> Result<Member, LabError> {
    let key = lab.rng_key("who")?;
    let known = members().into_iter().find(|member| {
        let parts: [&dyn std::fmt::Display; 6] = [
            &"private",
            &member.seed,
            &member.draw,
            &"test",
            &arm.name(),
            &"who",
        ];
        super::STREAMS.key(&parts) == key.bytes
    });
    known.ok_or_else(|| LabError::failed("a stranger"))
}

/// `false` where the member ends.
fn follow(lab: &Asking, step: Step, index: usize) -> Result<bool, LabError> {
    match step {
        Step::Evaluate => {
            let model = lab.locked()?;
            lab.evaluate(model, &format!("locked-{index}"))?;
        }
        Step::Unlock(count) => {
            let (model, samples) = (lab.locked()?, lab.samples(count)?);
            let unlocked = lab.train(model, samples)?;
            lab.evaluate(unlocked, &format!("unlocked-{index}"))?;
        }
        Step::Perturb => {
            let model = lab.locked()?;
            let rng = Rng::new(lab.rng_key(&format!("noise {index}"))?);
            let noise = Noise::global(0.5, rng);
            let perturbed = lab.model(Request::Perturb { model, noise })?;
            lab.evaluate(perturbed, &format!("noisy-{index}"))?;
        }
        Step::Record => {
            let metric = format!("index-{index}").into();
            let value = index as f64;
            lab.call(Request::Record { metric, value })?;
        }
        Step::Refused => {
            let questions = Questions::held_out();
            let measure = "stranger".into();
            let refused = lab.call(Request::Evaluate {
                model: 987,
                questions,
                measure,
            });
            assert!(refused.is_err(), "a stranger's model was evaluated");
        }
        Step::Dawdle => std::thread::sleep(Duration::from_millis(3)),
        Step::End => return Ok(false),
        Step::Fail => return Err(LabError::failed(format!("failed at step {index}"))),
        Step::Panic => panic!("panicked at step {index}"),
    }
    Ok(true)
}

fn run(bench: &mut Bench, schedule: u64, members: &[Member]) -> Vec<TrialRecord> {
    let hypothesis: HypothesisBox = HypothesisApi_TO::from_value(Following { schedule }, TD_Opaque);
    let cohort = Cohort {
        hypothesis: &Arc::new(hypothesis),
        name: "test",
        arm: &Arm::new("scheduled"),
        members,
        time_limit: Duration::from_mins(1),
    };
    let records = cohort.run(bench).unwrap();
    bench.clear();
    records
}

#[test]
fn whatever_the_others_do_a_member_ends_as_it_does_alone() {
    bench(|bench| {
        for schedule in 0..SCHEDULES {
            let together = run(bench, schedule, &members());
            let alone = members()
                .into_iter()
                .flat_map(|member| run(bench, schedule, &[member]));
            let scripts = || members().into_iter().map(|member| script(schedule, member));
            assert_eq!(
                together,
                alone.collect::<Vec<_>>(),
                "schedule {schedule}: {:?}",
                scripts().collect::<Vec<_>>()
            );
        }
    });
}
