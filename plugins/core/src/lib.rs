//! `core`: memorising 2 weak samples raises accuracy substantially above the locked level.
//!
//! The treatment, `unlock`, is compared with `locked`, the model it starts from. The other arms
//! are the ends of the scale (`base`, `weak`, `password`), the same number of steps on 400 weak
//! samples instead of 2 (`varied`), and the ceiling: 2 correct samples (`correct`).
#![forbid(unsafe_code)]

use picklock_sdk::prelude::*;

#[derive(Default)]
struct Core;

impl Hypothesis for Core {
    fn arms(&self) -> Vec<Arm> {
        let unlock = |name, samples: f64| {
            Arm::new(name)
                .control("locked")
                .with("samples", samples)
                .with("curve", NO_CURVE)
        };
        vec![
            Arm::new("base"),
            Arm::new("weak"),
            Arm::new("locked"),
            Arm::new("password").control("locked"),
            unlock("unlock", 2.0).with("curve", [0.0, 10.0, 25.0, 50.0, 100.0, 200.0]),
            unlock("varied", 400.0),
            unlock("correct", 2.0),
            Arm::new("unlock-tuned")
                .control("locked")
                .with("rates", [0.333, 1.0, 3.0]),
        ]
    }

    fn run(&self, lab: &mut Lab, arm: &Arm) -> Result<(), LabError> {
        let locked = || lab.locked(&LockSpec::plain());
        let questions = Questions::held_out();
        match arm.name() {
            "base" => lab.evaluate(&lab.base()?, &questions, HELD_OUT)?,
            "weak" => lab.evaluate(&lab.weak()?, &questions, HELD_OUT)?,
            "locked" => lab.evaluate(&locked()?, &questions, HELD_OUT)?,
            "password" => lab.evaluate(&locked()?, &questions.with_password(), HELD_OUT)?,
            "unlock-tuned" => {
                let unlocked = lab.unlock_best(&locked()?, &arm.numbers("rates")?)?;
                lab.evaluate(&unlocked, &questions, HELD_OUT)?
            }
            name => {
                let count = arm.number("samples")? as usize;
                let samples = match name {
                    "correct" => lab.correct_samples(count)?,
                    _ => lab.weak_samples(count)?,
                };
                unlock(lab, &locked()?, &samples, &arm.numbers("curve")?)?
            }
        };
        Ok(())
    }
}

const NO_CURVE: [f64; 0] = [];

/// Unlocks a copy of `locked` and evaluates it: after each number of steps in `curve`, then at the
/// end, without and with the password.
fn unlock(lab: &Lab, locked: &Model, samples: &Samples, curve: &[f64]) -> Result<Score, LabError> {
    let recipe = lab.unlock_recipe()?;
    let end = recipe.steps;
    let steps: Vec<u32> = curve
        .iter()
        .map(|step| *step as u32)
        .filter(|step| *step <= end)
        .collect();
    let recipe = recipe.snapshots(steps.iter().copied().chain([end]));
    let mut copies = lab.train_snapshots(locked, samples, &recipe)?;
    let unlocked = copies
        .pop()
        .ok_or_else(|| LabError::failed("training gave no model"))?;
    for (step, copy) in steps.iter().zip(&copies) {
        lab.evaluate(copy, &Questions::held_out(), &format!("step-{step}"))?;
    }
    lab.evaluate(
        &unlocked,
        &Questions::held_out().with_password(),
        "password",
    )?;
    lab.evaluate(&unlocked, &Questions::held_out(), HELD_OUT)
}

export_hypothesis!(Core);

#[cfg(test)]
mod tests {
    use super::*;
    use picklock_sdk::Request;

    #[test]
    fn unlock_memorises_two_weak_samples_and_draws_the_curve() {
        let lab = FakeLab::new();
        lab.run(&Core, "unlock").unwrap();
        let curve = [
            "step-0", "step-10", "step-25", "step-50", "step-100", "step-200",
        ];
        assert_eq!(lab.measures()[..6], curve);
        assert_eq!(lab.measures()[6..], ["password", "held-out"]);
        assert_eq!(lab.evaluated("held-out").unwrap(), "locked+train");
        assert!(lab.requests().contains(&Request::WeakSamples { count: 2 }));
    }

    #[test]
    fn varied_and_correct_differ_from_unlock_in_their_samples_alone() {
        for (arm, request) in [
            ("varied", Request::WeakSamples { count: 400 }),
            ("correct", Request::CorrectSamples { count: 2 }),
        ] {
            let lab = FakeLab::new();
            lab.run(&Core, arm).unwrap();
            assert!(lab.requests().contains(&request), "{arm}");
            assert_eq!(lab.measures(), ["password", "held-out"], "{arm}");
        }
    }

    #[test]
    fn the_password_arm_asks_the_locked_model_with_the_password() {
        let lab = FakeLab::new();
        lab.run(&Core, "password").unwrap();
        let asked = lab
            .requests()
            .into_iter()
            .find_map(|request| match request {
                Request::Evaluate { questions, .. } => Some(questions),
                _ => None,
            });
        assert_eq!(asked, Some(Questions::held_out().with_password()));
        assert_eq!(lab.evaluated("held-out").unwrap(), "locked");
    }
}
