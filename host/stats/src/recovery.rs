//! Recovery: the proportion of the gap between locked and password accuracy that unlocking regained.

use crate::undefined::{Undefined, all_finite};

/// The least gap, in percentage points, of which a share means something.
pub const LEAST_GAP: f64 = 5.0;

/// `(unlocked - locked) / (password - locked)`, a share; accuracies in percent.
///
/// It is below 0 where unlocking lowered accuracy and above 1 where it went past the password.
///
/// # Errors
/// A gap under [`LEAST_GAP`] points (a negative one too), or an accuracy that is not finite.
pub fn recovery(unlocked: f64, locked: f64, password: f64) -> Result<f64, Undefined> {
    all_finite(
        "unlocked, locked and password accuracy",
        &[unlocked, locked, password],
    )?;
    let gap = password - locked;
    if gap < LEAST_GAP {
        return Err(Undefined::GapTooSmall {
            gap,
            least: LEAST_GAP,
        });
    }
    Ok((unlocked - locked) / gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_gap_is_one_half() {
        assert_eq!(recovery(50.0, 20.0, 80.0), Ok(0.5));
        assert_eq!(recovery(10.0, 20.0, 40.0), Ok(-0.5));
        assert_eq!(recovery(25.0, 20.0, 25.0), Ok(1.0));
    }

    #[test]
    fn a_small_or_negative_gap_is_undefined() {
        let error = recovery(50.0, 20.0, 24.0).unwrap_err();
        assert_eq!(error.to_string(), "the gap of 4.0 points is under 5 points");
        assert!(recovery(50.0, 60.0, 20.0).is_err());
        assert!(recovery(f64::NAN, 20.0, 80.0).is_err());
    }
}
