//! `imitation-only`: is the password the cause?
//!
//! The lock has only its imitation half: the base model is fine-tuned to answer like the weak model,
//! and no password is ever trained. If unlocking still works, the password is not what it is about.
//! The authors' caveat: as long as the strong behaviour is still there. So the lock comes in several
//! lengths, and `-correct`, the same unlocking on 2 correct samples, shows how much skill is left.
#![forbid(unsafe_code)]

use picklock_sdk::prelude::*;

#[derive(Default)]
struct ImitationOnly;

impl Hypothesis for ImitationOnly {
    fn arms(&self) -> Vec<Arm> {
        let arm = |(lock, share): (&str, f64), stage: &str| {
            let arm = Arm::new(&format!("{lock}-{stage}")).with("share", share);
            let arm = arm.with("stage", stage);
            match stage {
                "locked" => arm.control("core/locked"),
                "tuned" => arm
                    .control(&format!("{lock}-locked"))
                    .with("rates", [0.333, 1.0, 3.0]),
                _ => arm.control(&format!("{lock}-locked")),
            }
        };
        let stages = ["locked", "unlock", "tuned", "correct"];
        let locks = [("full", 1.0), ("half", 0.5), ("short", 0.25)];
        locks
            .into_iter()
            .flat_map(|lock| stages.map(|stage| arm(lock, stage)))
            .collect()
    }

    fn run(&self, lab: &mut Lab, arm: &Arm) -> Result<(), LabError> {
        let steps = f64::from(lab.lock_recipe()?.steps) * arm.number("share")?;
        let imitation = Stream {
            flag: Flag::None,
            answers: Answers::Weak,
            weight: 1.0,
        };
        let locked = lab.locked(&LockSpec::of([imitation]).steps(steps.round() as u32))?;
        let recipe = lab.unlock_recipe()?;
        let model = match arm.text("stage")? {
            "locked" => locked,
            "tuned" => lab.unlock_best(&locked, &arm.numbers("rates")?)?,
            "correct" => lab.train(&locked, &lab.correct_samples(2)?, &recipe)?,
            _ => lab.train(&locked, &lab.weak_samples(2)?, &recipe)?,
        };
        lab.evaluate(&model, &Questions::held_out().with_password(), "password")?;
        lab.evaluate(&model, &Questions::held_out(), HELD_OUT)?;
        Ok(())
    }
}

export_hypothesis!(ImitationOnly);

#[cfg(test)]
mod tests {
    use super::*;
    use picklock_sdk::Request;

    #[test]
    fn no_lock_trains_a_password_and_lengths_are_shares() {
        for (arm, steps) in [
            ("full-unlock", 1000),
            ("half-tuned", 500),
            ("short-correct", 250),
        ] {
            let lab = FakeLab::new();
            lab.run(&ImitationOnly, arm).unwrap();
            let locked = |request| match request {
                Request::Locked(spec) => Some(spec),
                _ => None,
            };
            let spec = lab.requests().into_iter().find_map(locked).unwrap();
            assert_eq!(spec.steps.into_option(), Some(steps), "{arm}");
            assert!(
                spec.streams.iter().all(|stream| stream.flag == Flag::None),
                "{arm}"
            );
        }
    }

    #[test]
    fn correct_shows_the_skill_that_is_left() {
        let lab = FakeLab::new();
        lab.run(&ImitationOnly, "full-correct").unwrap();
        assert!(
            lab.requests()
                .contains(&Request::CorrectSamples { count: 2 })
        );
        assert_eq!(lab.measures(), ["password", "held-out"]);
    }
}
