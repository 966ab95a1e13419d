//! `{{name}}`: do half of the unlocking steps unlock as much as all of them?
//!
//! Say here what is compared with what, and why. As written, both arms start from the same locked
//! model and memorise the same 2 weak samples; `half`, the treatment, takes half of the organism's
//! unlocking steps, and `full`, its control, all of them.
#![forbid(unsafe_code)]

use picklock_sdk::prelude::*;

#[derive(Default)]
struct Experiment;

impl Hypothesis for Experiment {
    // The arms, with every parameter and its default; `hypotheses/{{name}}.toml` names those that
    // run, may give their parameters other values, and says what is predicted of them.
    fn arms(&self) -> Vec<Arm> {
        let arm = |name| Arm::new(name).control("core/locked");
        vec![
            arm("half").with("steps_share", 0.5),
            arm("full").with("steps_share", 1.0),
        ]
    }

    // One trial: one arm, at one seed and one draw of the samples.
    fn run(&self, lab: &mut Lab, arm: &Arm) -> Result<(), LabError> {
        // What arms share comes out the same in all of them, and is done once.
        let locked = lab.locked(&LockSpec::plain())?;
        let samples = lab.weak_samples(2)?;
        let recipe = lab.unlock_recipe()?;
        // What they differ in: put your own idea here. Keep to one difference, or you won't know
        // which of them did it.
        let steps = f64::from(recipe.steps) * arm.number("steps_share")?;
        let recipe = recipe.steps(steps.round() as u32);
        let unlocked = lab.train(&locked, &samples, &recipe)?;
        // Predictions compare what is evaluated under the name `HELD_OUT`, once a trial. Search and
        // tune on `Questions::validation()` instead.
        lab.evaluate(&unlocked, &Questions::held_out(), HELD_OUT)?;
        Ok(())
    }
}

export_hypothesis!(Experiment);

#[cfg(test)]
mod tests {
    use super::*;
    use picklock_sdk::Request;

    /// What an arm trains on, and for how many steps.
    fn trained(arm: &str) -> (Samples, u32) {
        let lab = FakeLab::new();
        lab.run(&Experiment, arm).unwrap();
        assert_eq!(lab.evaluated(HELD_OUT).unwrap(), "locked+train");
        let training = |request| match request {
            Request::Train {
                samples, recipe, ..
            } => Some((samples, recipe.steps)),
            _ => None,
        };
        lab.requests().into_iter().find_map(training).unwrap()
    }

    #[test]
    fn the_arms_differ_in_their_steps_alone() {
        let (half, full) = (trained("half"), trained("full"));
        assert_eq!(half.0, full.0);
        assert_eq!((half.1, full.1), (100, 200));
    }
}
