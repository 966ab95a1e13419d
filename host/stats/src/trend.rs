//! The trend over ordered arms: one number per seed (or cell), to be summarised like any effect.

use crate::undefined::{Undefined, all_finite};

/// The fitted change from the first arm to the last, in the unit of the values: the slope of the
/// least-squares line over equally spaced arms, times the steps from end to end.
///
/// It is linear in the values, so trends of differences from an arm are those of the arms, and a trend
/// of seeds' means is the mean of their trends. `SeedMean::of` over the seeds' trends is the test.
///
/// # Errors
/// Fewer than 2 arms, or a value that is not finite.
pub fn trend(arms: &[f64]) -> Result<f64, Undefined> {
    all_finite("arms", arms)?;
    if arms.len() < 2 {
        return Err(Undefined::TooFewArms { n: arms.len() });
    }
    let steps = arms.len() as f64 - 1.0;
    let from_middle = |place: usize| place as f64 - steps / 2.0;
    let squares: f64 = (0..arms.len())
        .map(|place| from_middle(place).powi(2))
        .sum();
    let products = arms
        .iter()
        .enumerate()
        .map(|(place, y)| y * from_middle(place));
    Ok(products.sum::<f64>() / squares * steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_ends_and_bends_are_fitted() {
        assert_eq!(trend(&[10.0, 30.0]), Ok(20.0));
        assert_eq!(trend(&[100.0, 75.0, 50.0, 25.0]), Ok(-75.0));
        assert!((trend(&[100.0, 0.0, 100.0, 0.0]).unwrap() + 60.0).abs() < 1e-12);
        assert_eq!(trend(&[5.0; 6]), Ok(0.0));
    }

    #[test]
    fn one_arm_has_no_trend() {
        assert_eq!(trend(&[1.0]), Err(Undefined::TooFewArms { n: 1 }));
        assert!(trend(&[1.0, f64::NAN]).is_err());
    }
}
