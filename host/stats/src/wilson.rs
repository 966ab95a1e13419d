//! Wilson's interval for a single accuracy.

use crate::interval::{Interval, tail_of};
use crate::tail::normal_quantile;
use crate::undefined::Undefined;

/// The score interval of an accuracy, in percent (Wilson 1927).
///
/// `(p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)` with `p = correct / problems`. It takes
/// problems as independent: for one model on one set of problems, not for a mean over seeds.
///
/// # Errors
/// No problems, more correct than problems, or a level outside (0, 1).
pub fn wilson(correct: u64, problems: u64, level: f64) -> Result<Interval, Undefined> {
    let z = normal_quantile(tail_of(level)?);
    if problems == 0 {
        return Err(Undefined::NoProblems);
    }
    if correct > problems {
        return Err(Undefined::CountsDisagree {
            part: correct,
            whole: problems,
        });
    }
    let low = lower_end(correct as f64, problems as f64, z);
    let high = 1.0 - lower_end((problems - correct) as f64, problems as f64, z);
    Ok(Interval {
        low: 100.0 * low,
        high: 100.0 * high,
        level,
    })
}

fn lower_end(hits: f64, n: f64, z: f64) -> f64 {
    if hits == 0.0 {
        return 0.0;
    }
    let share = hits / n;
    let square = z * z;
    let reach = z * (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
    (share + square / (2.0 * n) - reach) / (1.0 + square / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_stay_within_0_and_100() {
        let (none, all) = (wilson(0, 20, 0.95).unwrap(), wilson(20, 20, 0.95).unwrap());
        assert_eq!((none.low, all.high), (0.0, 100.0));
        assert!(none.high > 10.0 && all.low < 90.0);
    }

    #[test]
    fn impossible_counts_are_refused() {
        assert_eq!(wilson(0, 0, 0.95), Err(Undefined::NoProblems));
        assert!(matches!(
            wilson(3, 2, 0.95),
            Err(Undefined::CountsDisagree { .. })
        ));
        assert!(matches!(
            wilson(1, 2, 1.0),
            Err(Undefined::OutOfRange { .. })
        ));
    }
}
