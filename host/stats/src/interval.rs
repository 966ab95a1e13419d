//! A confidence interval and the level that it was made at.

use serde::Serialize;

use crate::undefined::{Undefined, in_range};

/// A two-sided confidence interval, in the unit of the estimate that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Confidence level, within (0, 1): 0.95 for a 95% interval.
    pub level: f64,
}

impl Interval {
    /// Whether `value` lies between the ends, both included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// The probability beyond each end of an interval at `level`.
pub(crate) fn tail_of(level: f64) -> Result<f64, Undefined> {
    in_range(
        "confidence level",
        "between 0 and 1",
        level,
        level > 0.0 && level < 1.0,
    )?;
    Ok((1.0 - level) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_belong_to_the_interval() {
        let interval = Interval {
            low: -1.0,
            high: 2.0,
            level: 0.95,
        };
        assert!(interval.contains(-1.0) && interval.contains(2.0) && !interval.contains(2.1));
    }

    #[test]
    fn levels_outside_0_to_1_are_refused() {
        for level in [0.0, 1.0, 95.0, f64::NAN] {
            assert!(tail_of(level).is_err(), "{level}");
        }
    }
}
