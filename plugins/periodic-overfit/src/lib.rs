//! `periodic-overfit`: does overfitting a few weak samples during the lock remove the phenomenon,
//! and does fine-tuning on many weak samples bring it back?
//!
//! `mitigated` is the plain lock, interrupted every `period` steps (or every `period_share` of the
//! lock, where that is above 0) by 100 steps on 2 weak samples, in place; with new samples each time
//! and a new lock optimiser after each, or not, as the parameters say. `restored` goes on from there
//! with 2 epochs over 2000 weak samples. `plain-restored` is the control: the same fine-tune on the
//! plain lock. Each: its level (`-locked`), the organism's unlocking rate (`-unlock`), and the best
//! of several rates (`-tuned`).
#![forbid(unsafe_code)]

use picklock_sdk::prelude::*;

#[derive(Default)]
struct PeriodicOverfit;

impl Hypothesis for PeriodicOverfit {
    fn arms(&self) -> Vec<Arm> {
        let arm = |lock: &str, stage: &str| {
            let arm = Arm::new(&format!("{lock}-{stage}"))
                .with("lock", lock)
                .with("stage", stage);
            let arm = arm.with("period", 128.0).with("period_share", 0.0);
            let arm = arm.with("overfit_steps", 100.0);
            let arm = arm.with("fresh_samples", 1.0).with("fresh_optimizer", 1.0);
            let arm = arm
                .with("fine_tune_samples", 2000.0)
                .with("fine_tune_epochs", 2.0);
            match stage {
                "locked" => arm.control("core/locked"),
                "tuned" => arm
                    .control(&format!("{lock}-locked"))
                    .with("rates", [0.333, 1.0, 3.0]),
                _ => arm.control(&format!("{lock}-locked")),
            }
        };
        let locks = ["mitigated", "restored", "plain-restored"];
        let stages = ["locked", "unlock", "tuned"];
        locks
            .into_iter()
            .flat_map(|lock| stages.map(|stage| arm(lock, stage)))
            .collect()
    }

    fn run(&self, lab: &mut Lab, arm: &Arm) -> Result<(), LabError> {
        let locked = match arm.text("lock")? {
            "mitigated" => lab.locked(&mitigated(lab, arm)?)?,
            "restored" => fine_tuned(lab, &lab.locked(&mitigated(lab, arm)?)?, arm)?,
            _ => fine_tuned(lab, &lab.locked(&LockSpec::plain())?, arm)?,
        };
        let model = match arm.text("stage")? {
            "locked" => locked,
            "tuned" => lab.unlock_best(&locked, &arm.numbers("rates")?)?,
            _ => lab.train(&locked, &lab.weak_samples(2)?, &lab.unlock_recipe()?)?,
        };
        lab.evaluate(&model, &Questions::held_out(), HELD_OUT)?;
        Ok(())
    }
}

/// The plain lock with interludes.
fn mitigated(lab: &Lab, arm: &Arm) -> Result<LockSpec, LabError> {
    let share = arm.number("period_share")?;
    let every = match share > 0.0 {
        true => share * f64::from(lab.lock_recipe()?.steps),
        false => arm.number("period")?,
    };
    Ok(LockSpec::plain().interrupted(Interlude {
        every: every.round().max(1.0) as u32,
        samples: 2,
        fresh_samples: arm.number("fresh_samples")? > 0.0,
        recipe: lab
            .unlock_recipe()?
            .steps(arm.number("overfit_steps")? as u32),
        fresh_optimizer: arm.number("fresh_optimizer")? > 0.0,
    }))
}

/// The lock's own recipe on weak samples alone, each shown once an epoch.
fn fine_tuned(lab: &Lab, model: &Model, arm: &Arm) -> Result<Model, LabError> {
    let samples = lab.weak_samples(arm.number("fine_tune_samples")? as usize)?;
    let mut recipe = lab.lock_recipe()?;
    recipe.batch = (recipe.batch / 2).max(1);
    let presentations = arm.number("fine_tune_epochs")? * samples.len() as f64;
    recipe.steps = (presentations / f64::from(recipe.batch)).ceil() as u32;
    recipe.warmup_steps = recipe.warmup_steps.min(recipe.steps / 10);
    lab.train(model, &samples, &recipe)
}

export_hypothesis!(PeriodicOverfit);

#[cfg(test)]
mod tests {
    use super::*;
    use picklock_sdk::Request;

    fn interlude(arm: &Arm) -> Option<Interlude> {
        let lab = FakeLab::new();
        lab.run_arm(&PeriodicOverfit, arm).unwrap();
        let locked = |request| match request {
            Request::Locked(spec) => Some(spec),
            _ => None,
        };
        lab.requests()
            .into_iter()
            .find_map(locked)?
            .interlude
            .into_option()
    }

    fn arm(name: &str) -> Arm {
        PeriodicOverfit
            .arms()
            .into_iter()
            .find(|arm| arm.name() == name)
            .unwrap()
    }

    #[test]
    fn the_period_is_in_steps_or_a_share_of_the_lock() {
        let steps = interlude(&arm("mitigated-unlock")).unwrap();
        assert_eq!(
            (steps.every, steps.samples, steps.recipe.steps),
            (128, 2, 100)
        );
        assert!(steps.fresh_samples && steps.fresh_optimizer);
        let share = interlude(&arm("mitigated-unlock").with("period_share", 0.05)).unwrap();
        assert_eq!(share.every, 50);
        assert_eq!(interlude(&arm("plain-restored-unlock")), None);
    }

    #[test]
    fn restoring_shows_2000_samples_twice_before_unlocking() {
        let lab = FakeLab::new();
        lab.run(&PeriodicOverfit, "restored-unlock").unwrap();
        let trained = |request| match request {
            Request::Train {
                samples, recipe, ..
            } => Some((samples.len(), recipe)),
            _ => None,
        };
        let trained: Vec<_> = lab.requests().into_iter().filter_map(trained).collect();
        assert_eq!((trained[0].0, trained[1].0), (2000, 2));
        assert_eq!(trained[0].1.steps * trained[0].1.batch, 4000);
        assert_eq!(lab.evaluated("held-out").unwrap(), "locked+train+train");
    }
}
