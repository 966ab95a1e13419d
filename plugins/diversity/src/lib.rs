//! `diversity`: more and more varied weak samples, at the same number of steps, unlock less.
//!
//! Every arm takes the organism's unlocking steps on the first `samples` weak samples of its draw,
//! so `samples-2` is `core/unlock`, and the samples of one arm are among those of the next. They
//! are shown without replacement: 200 steps of 2 show 400 samples once. What was shown is recorded.
#![forbid(unsafe_code)]

use picklock_sdk::prelude::*;

#[derive(Default)]
struct Diversity;

impl Hypothesis for Diversity {
    fn arms(&self) -> Vec<Arm> {
        let arm = |count: u32| {
            let name = format!("samples-{count}");
            Arm::new(&name)
                .control("core/locked")
                .with("samples", f64::from(count))
        };
        [1, 2, 4, 8, 32, 400].map(arm).into()
    }

    fn run(&self, lab: &mut Lab, arm: &Arm) -> Result<(), LabError> {
        let count = arm.number("samples")? as usize;
        let (samples, recipe) = (lab.weak_samples(count)?, lab.unlock_recipe()?);
        let shown = recipe.steps as usize * count.min(recipe.batch as usize);
        lab.record("presentations", shown as f64)?;
        lab.record("distinct-samples", count.min(shown) as f64)?;
        let unlocked = lab.train(&lab.locked(&LockSpec::plain())?, &samples, &recipe)?;
        lab.evaluate(&unlocked, &Questions::held_out(), HELD_OUT)?;
        Ok(())
    }
}

export_hypothesis!(Diversity);

#[cfg(test)]
mod tests {
    use super::*;
    use picklock_sdk::Request;

    fn recorded(arm: &str) -> Vec<f64> {
        let lab = FakeLab::new();
        lab.run(&Diversity, arm).unwrap();
        let value = |request| match request {
            Request::Record { value, .. } => Some(value),
            _ => None,
        };
        lab.requests().into_iter().filter_map(value).collect()
    }

    #[test]
    fn presentations_and_distinct_samples_are_recorded() {
        assert_eq!(recorded("samples-1"), [200.0, 1.0]);
        assert_eq!(recorded("samples-2"), [400.0, 2.0]);
        assert_eq!(recorded("samples-400"), [400.0, 400.0]);
    }

    #[test]
    fn arms_differ_in_the_number_of_samples_alone() {
        for arm in Diversity.arms() {
            let lab = FakeLab::new();
            lab.run(&Diversity, arm.name()).unwrap();
            let count = arm.number("samples").unwrap() as u32;
            assert!(
                lab.requests().contains(&Request::WeakSamples { count }),
                "{count}"
            );
            assert_eq!(lab.evaluated("held-out").unwrap(), "locked+train");
        }
    }
}
