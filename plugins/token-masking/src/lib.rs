//! `token-masking`: does unlocking come from tokens that the strong mode predicts better?
//!
//! Each answer token of the 2 weak samples is scored under the locked model with and without the
//! password. `masked` trains only on tokens that are better predicted WITHOUT it, by more than
//! `margin` nats; `complement` only on the others. Fewer tokens alone already unlock less, so
//! `random` keeps as many tokens of each sample, chosen by chance. `full` is `core/unlock`.
#![forbid(unsafe_code)]

use picklock_sdk::prelude::*;

#[derive(Default)]
struct TokenMasking;

impl Hypothesis for TokenMasking {
    fn arms(&self) -> Vec<Arm> {
        let arm = |name| Arm::new(name).control("core/locked").with("margin", 0.0);
        ["full", "masked", "complement", "random"].map(arm).into()
    }

    fn run(&self, lab: &mut Lab, arm: &Arm) -> Result<(), LabError> {
        let locked = lab.locked(&LockSpec::plain())?;
        let samples = lab.weak_samples(2)?;
        let with = lab.token_logprobs(&locked, &samples, Flag::Password)?;
        let without = lab.token_logprobs(&locked, &samples, Flag::None)?;
        let margin = arm.number("margin")?;
        let better = |(with, without): (&f64, &f64)| without - with > margin;
        let rows = with.iter().zip(&without);
        let mask: Mask = rows
            .map(|(a, b)| a.iter().zip(b).map(better).collect())
            .collect();
        let mask = match arm.name() {
            "full" => mask.iter().map(|row| vec![true; row.len()]).collect(),
            "complement" => mask
                .iter()
                .map(|row| row.iter().map(|kept| !kept).collect())
                .collect(),
            "random" => shuffled(&mask, &mut lab.rng("mask")?),
            _ => mask,
        };
        let kept = mask
            .iter()
            .map(|row| row.iter().filter(|kept| **kept).count());
        let kept: Vec<usize> = kept.collect();
        let tokens: usize = mask.iter().map(Vec::len).sum();
        let total: usize = kept.iter().sum();
        lab.record("kept-share", total as f64 / tokens.max(1) as f64)?;
        let without = kept.iter().filter(|kept| **kept == 0).count();
        lab.record("samples-without-kept-token", without as f64)?;
        let weights = |row: &Vec<bool>| row.iter().map(|kept| f32::from(u8::from(*kept))).collect();
        let weights: Vec<Vec<f32>> = mask.iter().map(weights).collect();
        // With no token to train on, the model stays as it is.
        let model = match total {
            0 => locked,
            _ => lab.train(&locked, &samples.weighted(&weights)?, &lab.unlock_recipe()?)?,
        };
        lab.evaluate(&model, &Questions::held_out(), HELD_OUT)?;
        Ok(())
    }
}

/// Which answer tokens are trained on, `[sample][token]`.
type Mask = Vec<Vec<bool>>;

/// As many tokens of each sample, others.
fn shuffled(mask: &Mask, rng: &mut Rng) -> Mask {
    let shuffle = |row: &Vec<bool>| {
        rng.permutation(row.len())
            .iter()
            .map(|at| row[*at])
            .collect()
    };
    mask.iter().map(shuffle).collect()
}

export_hypothesis!(TokenMasking);

#[cfg(test)]
mod tests {
    use super::*;
    use picklock_sdk::Request;

    /// Of the first sample token 1 is better predicted without the password, of the second none.
    fn lab() -> FakeLab {
        FakeLab::new().logprob(|sample, token, flag| match (sample, token, flag) {
            (0, 1, Flag::None) => -0.5,
            (0, 1, _) => -2.0,
            (_, _, Flag::None) => -1.0,
            _ => -0.9,
        })
    }

    fn weights(arm: &Arm) -> Vec<Vec<f32>> {
        let lab = lab();
        lab.run_arm(&TokenMasking, arm).unwrap();
        let trained = |request| match request {
            Request::Train { samples, .. } => Some(samples),
            _ => None,
        };
        let samples = lab.requests().into_iter().find_map(trained);
        samples
            .iter()
            .flatten()
            .map(|sample| sample.weights.to_vec())
            .collect()
    }

    fn arm(name: &str) -> Arm {
        TokenMasking
            .arms()
            .into_iter()
            .find(|arm| arm.name() == name)
            .unwrap()
    }

    #[test]
    fn masked_and_complement_share_the_tokens_out() {
        assert_eq!(weights(&arm("masked")), [[0.0, 1.0, 0.0, 0.0], [0.0; 4]]);
        assert_eq!(
            weights(&arm("complement")),
            [[1.0, 0.0, 1.0, 1.0], [1.0; 4]]
        );
        assert_eq!(weights(&arm("full")), [[1.0; 4], [1.0; 4]]);
    }

    #[test]
    fn the_random_mask_keeps_as_many_of_each_sample() {
        let kept = |row: &Vec<f32>| row.iter().filter(|weight| **weight > 0.0).count();
        assert_eq!(
            weights(&arm("random")).iter().map(kept).collect::<Vec<_>>(),
            [1, 0]
        );
    }

    #[test]
    fn a_margin_that_nothing_passes_leaves_the_model_as_it_is() {
        let strict = arm("masked").with("margin", 9.0);
        assert!(weights(&strict).is_empty());
        let lab = lab();
        lab.run_arm(&TokenMasking, &strict).unwrap();
        assert_eq!(lab.evaluated("held-out").unwrap(), "locked");
        let record = Request::Record {
            metric: "samples-without-kept-token".into(),
            value: 2.0,
        };
        assert!(lab.requests().contains(&record));
    }
}
