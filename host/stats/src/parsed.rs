//! The effect among problems that were parsed in both arms: a change of format is no unlocking.

use serde::Serialize;

use crate::undefined::Undefined;

/// Two arms of one trial pair, compared where both gave an answer that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Parsed {
    /// Treated - control among the problems parsed in both, percentage points.
    pub effect: f64,
    /// Problems parsed in both.
    pub both: u64,
    /// Problems that both were asked.
    pub problems: u64,
}

/// Compares two arms over pairs of (treated, control): whether the answer was right, none where it
/// could not be parsed. One seed and draw; average over draws, then take `SeedMean` over seeds.
///
/// # Errors
/// No problem was parsed in both.
pub fn effect_among_parsed(
    pairs: impl IntoIterator<Item = (Option<bool>, Option<bool>)>,
) -> Result<Parsed, Undefined> {
    let (mut both, mut problems, mut gained, mut lost) = (0_u64, 0_u64, 0_u64, 0_u64);
    for pair in pairs {
        problems += 1;
        if let (Some(treated), Some(control)) = pair {
            both += 1;
            gained += u64::from(treated && !control);
            lost += u64::from(control && !treated);
        }
    }
    if both == 0 {
        return Err(Undefined::NothingParsed { problems });
    }
    Ok(Parsed {
        effect: 100.0 * (gained as f64 - lost as f64) / both as f64,
        both,
        problems,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unparsed_answers_count_for_neither_arm() {
        let (right, wrong, unread) = (Some(true), Some(false), None);
        let pairs = [
            (right, wrong),
            (right, unread),
            (right, unread),
            (wrong, wrong),
            (wrong, right),
            (right, wrong),
            (unread, right),
            (right, right),
        ];
        let parsed = effect_among_parsed(pairs).unwrap();
        assert_eq!((parsed.effect, parsed.both, parsed.problems), (20.0, 5, 8));
    }

    #[test]
    fn nothing_parsed_is_undefined() {
        let error = effect_among_parsed([(None, Some(true)), (Some(true), None)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "none of 2 problems was parsed in both arms"
        );
    }
}
