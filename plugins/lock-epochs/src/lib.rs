//! `lock-epochs`: does a copy unlock at the end of a lock of several epochs, and on the way there?
//!
//! The lock is trained once, with copies after a `lock_share` of its steps: 1 is its end. Of each
//! copy, accuracy without the password (`locked-N`), with it (`password-N`), and of a further copy
//! that memorised 2 weak samples (`unlock-N`). An epoch shows each weak answer once on average; how
//! many of them a lock has is the organism's, and the report draws accuracy against them.
#![forbid(unsafe_code)]

use picklock_sdk::prelude::*;

#[derive(Default)]
struct LockEpochs;

/// Points of the lock that a pre-registration may choose from, and place as it likes.
const POINTS: u32 = 8;

impl Hypothesis for LockEpochs {
    fn arms(&self) -> Vec<Arm> {
        let arm = |stage: &str, point: u32| {
            let arm = Arm::new(&format!("{stage}-{point}"))
                .with("stage", stage)
                .with("lock_share", f64::from(point) / f64::from(POINTS));
            match stage {
                "locked" => arm.control("core/weak"),
                _ => arm.control(&format!("locked-{point}")),
            }
        };
        let stages = ["locked", "unlock", "password"];
        stages
            .into_iter()
            .flat_map(|stage| (1..=POINTS).map(move |point| arm(stage, point)))
            .collect()
    }

    fn run(&self, lab: &mut Lab, arm: &Arm) -> Result<(), LabError> {
        let step = step(arm, lab.lock_recipe()?.steps)?;
        lab.record("lock-step", f64::from(step))?;
        let copy = lab.locked_after(&LockSpec::plain(), step)?;
        let questions = Questions::held_out();
        match arm.text("stage")? {
            "locked" => lab.evaluate(&copy, &questions, HELD_OUT)?,
            "password" => lab.evaluate(&copy, &questions.with_password(), HELD_OUT)?,
            _ => {
                let unlocked = lab.train(&copy, &lab.weak_samples(2)?, &lab.unlock_recipe()?)?;
                lab.evaluate(&unlocked, &questions, HELD_OUT)?
            }
        };
        Ok(())
    }
}

/// The step of the lock that an arm's share comes to.
fn step(arm: &Arm, steps: u32) -> Result<u32, LabError> {
    let share = arm.number("lock_share")?;
    if !(0.0..=1.0).contains(&share) {
        let name = arm.name();
        let problem = format!("arm {name}: lock_share is {share}, expected 0 to 1");
        return Err(LabError::invalid(problem));
    }
    Ok((share * f64::from(steps)).round() as u32)
}

export_hypothesis!(LockEpochs);

#[cfg(test)]
mod tests {
    use super::*;
    use picklock_sdk::Request;

    fn evaluated(stage: &str, share: f64) -> String {
        let arm = Arm::new("test")
            .with("stage", stage)
            .with("lock_share", share);
        let lab = FakeLab::new();
        lab.run_arm(&LockEpochs, &arm).unwrap();
        lab.evaluated(HELD_OUT).unwrap()
    }

    #[test]
    fn each_point_is_a_copy_of_one_lock() {
        assert_eq!(evaluated("locked", 0.25), "locked@250");
        assert_eq!(evaluated("password", 0.25), "locked@250");
        assert_eq!(evaluated("unlock", 0.25), "locked@250+train");
        assert_eq!(evaluated("unlock", 1.0), "locked+train");
    }

    #[test]
    fn points_are_declared_alike_for_every_stage() {
        for point in 1..=POINTS {
            let arm = |stage: &str| {
                let name = format!("{stage}-{point}");
                let mut arms = LockEpochs.arms().into_iter();
                arms.find(|arm| arm.name() == name).unwrap()
            };
            let shares =
                ["locked", "unlock", "password"].map(|stage| arm(stage).number("lock_share"));
            assert_eq!(shares[0], shares[1]);
            assert_eq!(shares[0], shares[2]);
            assert_eq!(arm("unlock").control_name(), Some(arm("locked").name()));
        }
    }

    #[test]
    fn the_password_arm_alone_gives_the_password() {
        for stage in ["locked", "unlock", "password"] {
            let lab = FakeLab::new();
            lab.run(&LockEpochs, &format!("{stage}-3")).unwrap();
            let given = lab.requests().into_iter().any(|request| {
                matches!(request, Request::Evaluate { questions, .. } if questions.flag == Flag::Password)
            });
            assert_eq!(given, stage == "password");
        }
    }

    #[test]
    fn a_share_beyond_the_lock_is_refused() {
        let arm = Arm::new("locked-1")
            .with("stage", "locked")
            .with("lock_share", 1.5);
        let error = FakeLab::new().run_arm(&LockEpochs, &arm).unwrap_err();
        let expected = "arm locked-1: lock_share is 1.5, expected 0 to 1";
        assert_eq!(error.message, expected);
    }
}
