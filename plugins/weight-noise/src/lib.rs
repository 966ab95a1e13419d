//! `weight-noise`: is unlocking mere damage, that noise on the weights would do as well?
//!
//! Each trial unlocks its own copy first, to know how far unlocking moves the weights, then adds
//! Gaussian noise of that size to the locked model: over all weights together (`global`), or
//! tensor by tensor (`per-tensor`). `noise-best` gives noise its best chance: it searches
//! multiples of that size on validation problems, and is judged on held-out problems with fresh
//! noise. `sweep` shows every multiple, for description alone. `relative-best` and `relative-sweep`
//! do the same for noise relative to each tensor's own weights, as in Tice et al. 2024.
#![forbid(unsafe_code)]

use picklock_sdk::prelude::*;

#[derive(Default)]
struct WeightNoise;

impl Hypothesis for WeightNoise {
    fn arms(&self) -> Vec<Arm> {
        let arm = |name| Arm::new(name).control("core/locked");
        vec![
            arm("global").with("scale", 1.0),
            arm("per-tensor").with("scale", 1.0),
            arm("noise-best").with("scales", SCALES),
            arm("sweep").with("scales", SCALES),
            arm("relative-best").with("scales", SIGMAS),
            arm("relative-sweep").with("scales", SIGMAS),
        ]
    }

    fn run(&self, lab: &mut Lab, arm: &Arm) -> Result<(), LabError> {
        let locked = lab.locked(&LockSpec::plain())?;
        let unlocked = lab.train(&locked, &lab.weak_samples(2)?, &lab.unlock_recipe()?)?;
        let update = lab.distance(&locked, &unlocked)?;
        let relative = arm.name().starts_with("relative");
        let noisy = |scale, purpose: &str| {
            let noise = match (relative, arm.name()) {
                (true, _) => Noise::relative(scale, lab.rng(purpose)?),
                (_, "global") => Noise::global(update.global() * scale, lab.rng(purpose)?),
                _ => Noise::per_tensor(update.scaled(scale), lab.rng(purpose)?),
            };
            lab.perturb(&locked, &noise)
        };
        lab.record("update-norm", update.global())?;
        let scale = match arm.name() {
            "global" | "per-tensor" => arm.number("scale")?,
            "noise-best" | "relative-best" => best_scale(lab, &arm.numbers("scales")?, &noisy)?,
            _ => {
                for scale in arm.numbers("scales")? {
                    let model = noisy(scale, &format!("test at {scale}"))?;
                    lab.evaluate(&model, &Questions::held_out(), &format!("scale-{scale}"))?;
                }
                return Ok(());
            }
        };
        lab.evaluate(&noisy(scale, "test")?, &Questions::held_out(), HELD_OUT)?;
        Ok(())
    }
}

/// Multiples of the unlocking update's norm.
const SCALES: [f64; 6] = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0];

/// Standard deviations, in root mean squares of a tensor's weights.
const SIGMAS: [f64; 5] = [0.001, 0.003, 0.01, 0.02, 0.03];

/// The scale with the highest validation accuracy; of equals the smallest.
fn best_scale(
    lab: &Lab,
    scales: &[f64],
    noisy: &impl Fn(f64, &str) -> Result<Model, LabError>,
) -> Result<f64, LabError> {
    let mut best = None;
    for scale in scales {
        let model = noisy(*scale, &format!("search at {scale}"))?;
        let measure = format!("validation-{scale}");
        let accuracy = lab
            .evaluate(&model, &Questions::validation(), &measure)?
            .accuracy();
        if best.is_none_or(|(_, highest)| accuracy > highest) {
            best = Some((*scale, accuracy));
        }
    }
    let (scale, _) = best.ok_or_else(|| LabError::invalid("noise-best: no scales to search"))?;
    lab.record("best-scale", scale)?;
    Ok(scale)
}

export_hypothesis!(WeightNoise);

#[cfg(test)]
mod tests {
    use super::*;
    use picklock_sdk::{Magnitude, Request, Split};

    fn noises(lab: &FakeLab) -> Vec<Noise> {
        let perturbed = |request| match request {
            Request::Perturb { noise, .. } => Some(noise),
            _ => None,
        };
        lab.requests().into_iter().filter_map(perturbed).collect()
    }

    #[test]
    fn noise_has_the_size_of_the_trials_own_update() {
        let lab = FakeLab::new();
        lab.run(&WeightNoise, "global").unwrap();
        assert_eq!(noises(&lab)[0].magnitude, Magnitude::Global(1.0));
        assert_eq!(lab.evaluated("held-out").unwrap(), "locked+noise");
    }

    #[test]
    fn the_best_scale_is_searched_on_validation_and_judged_with_fresh_noise() {
        let lab = FakeLab::new();
        lab.run(&WeightNoise, "noise-best").unwrap();
        let noises = noises(&lab);
        assert_eq!(noises.len(), SCALES.len() + 1);
        let (test, search) = noises.split_last().unwrap();
        assert!(search.iter().all(|noise| noise.key != test.key));
        // The fake lab's models are all equally good: of equals the smallest scale is taken.
        assert_eq!(test.magnitude, search[0].magnitude);
        let held_out = lab.requests().into_iter().filter(|request| {
            matches!(request, Request::Evaluate { questions, .. } if questions.split == Split::HeldOut)
        });
        assert_eq!(held_out.count(), 1);
    }

    #[test]
    fn relative_noise_goes_up_to_three_percent() {
        let lab = FakeLab::new();
        lab.run(&WeightNoise, "relative-sweep").unwrap();
        let sizes: Vec<Magnitude> = noises(&lab)
            .into_iter()
            .map(|noise| noise.magnitude)
            .collect();
        assert_eq!(sizes, SIGMAS.map(Magnitude::Relative));
    }

    #[test]
    fn the_sweep_is_for_description_alone() {
        let lab = FakeLab::new();
        lab.run(&WeightNoise, "sweep").unwrap();
        assert_eq!(lab.measures().len(), SCALES.len());
        assert!(!lab.measures().contains(&HELD_OUT.to_string()));
    }
}
