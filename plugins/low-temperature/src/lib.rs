//! `low-temperature`: does unlocking come from priming low-temperature behaviour?
//!
//! Each lock has a third stream behind a second password: weak samples at a low temperature
//! (`cold`), greedy ones (`greedy`), or, as the control, ordinary samples (`ordinary`). If
//! low-temperature behaviour were what memorising primes, it would now lead to bad answers, and
//! `cold` would unlock less than `ordinary`. For each lock: its level (`-locked`), the organism's
//! unlocking rate (`-unlock`), and the best of several rates (`-tuned`), so that "retune the rate"
//! is no way out.
#![forbid(unsafe_code)]

use picklock_sdk::prelude::*;

#[derive(Default)]
struct LowTemperature;

impl Hypothesis for LowTemperature {
    fn arms(&self) -> Vec<Arm> {
        let arm = |lock: &str, temperature: f64, stage: &str| {
            let arm = Arm::new(&format!("{lock}-{stage}")).with("temperature", temperature);
            let arm = arm.with("stage", stage);
            match stage {
                "locked" => arm.control("core/locked"),
                "tuned" => arm
                    .control(&format!("{lock}-locked"))
                    .with("rates", [0.333, 1.0, 3.0]),
                _ => arm.control(&format!("{lock}-locked")),
            }
        };
        let locks = [("cold", 0.3), ("greedy", 0.0), ("ordinary", 1.0)];
        let stages = ["locked", "unlock", "tuned"];
        let arms = locks
            .iter()
            .flat_map(|(lock, t)| stages.map(|stage| arm(lock, *t, stage)));
        arms.collect()
    }

    fn run(&self, lab: &mut Lab, arm: &Arm) -> Result<(), LabError> {
        let answers = match arm.number("temperature")? {
            0.0 => Answers::WeakGreedy,
            temperature => Answers::WeakSampled { temperature },
        };
        let second = Stream {
            flag: Flag::Second,
            answers,
            weight: 1.0,
        };
        let locked = lab.locked(&LockSpec::plain().and(second))?;
        let model = match arm.text("stage")? {
            "locked" => locked,
            "tuned" => lab.unlock_best(&locked, &arm.numbers("rates")?)?,
            _ => lab.train(&locked, &lab.weak_samples(2)?, &lab.unlock_recipe()?)?,
        };
        lab.evaluate(&model, &Questions::held_out(), HELD_OUT)?;
        Ok(())
    }
}

export_hypothesis!(LowTemperature);

#[cfg(test)]
mod tests {
    use super::*;
    use picklock_sdk::Request;

    fn lock(arm: &str) -> LockSpec {
        let lab = FakeLab::new();
        lab.run(&LowTemperature, arm).unwrap();
        let locked = |request| match request {
            Request::Locked(spec) => Some(spec),
            _ => None,
        };
        lab.requests().into_iter().find_map(locked).unwrap()
    }

    #[test]
    fn the_third_stream_is_what_the_arm_says() {
        let third = |arm: &str| lock(arm).streams[2].clone();
        assert_eq!(
            third("cold-unlock").answers,
            Answers::WeakSampled { temperature: 0.3 }
        );
        assert_eq!(third("greedy-unlock").answers, Answers::WeakGreedy);
        assert_eq!(
            third("ordinary-unlock").answers,
            Answers::WeakSampled { temperature: 1.0 }
        );
        for arm in LowTemperature.arms() {
            assert_eq!(third(arm.name()).flag, Flag::Second);
            assert_eq!(lock(arm.name()).streams[..2], LockSpec::plain().streams[..]);
        }
    }

    #[test]
    fn tuned_takes_the_rate_that_validates_best() {
        let lab = FakeLab::new();
        lab.run(&LowTemperature, "cold-tuned").unwrap();
        let rates = ["x0.333", "x1.000", "x3.000"];
        let pair = |rate: &str| [format!("validation-{rate}"), format!("held-out-{rate}")];
        let mut expected: Vec<String> = rates.into_iter().flat_map(pair).collect();
        expected.push("held-out".into());
        assert_eq!(lab.measures(), expected);
    }
}
