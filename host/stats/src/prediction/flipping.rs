//! A prediction's sign-flip check: the same contrasts as the judgement's, another procedure.

use super::sides::{Contrasts, contrasts};
use super::{Evidence, Expectation};
use crate::resample::Resampling;
use crate::sign_flip::SignFlip;
use crate::undefined::Undefined;

/// The sign-flip p of a prediction, to stand beside `Judgement::p`: each contrast that it needs above
/// 0 is averaged within its seeds, their signs are flipped, and the largest p counts. Two-sided for
/// greater and less, else one-sided. With shared problems it speaks of these problems only.
///
/// # Errors
/// As `judge`; and as [`SignFlip::of`].
pub fn sign_flip(
    expectation: &Expectation,
    evidence: &Evidence,
    resampling: Resampling,
) -> Result<SignFlip, Undefined> {
    let Contrasts { required, tails } = contrasts(expectation, evidence)?;
    let mut worst: Option<SignFlip> = None;
    for contrast in &required {
        let means = evidence.problems.seed_means(contrast)?;
        let own = SignFlip::of(&means, tails, resampling)?;
        worst = Some(worst.filter(|worst| worst.p >= own.p).unwrap_or(own));
    }
    worst.ok_or(Undefined::TooFewSeeds { n: 0 })
}
