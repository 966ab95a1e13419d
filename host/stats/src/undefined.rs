//! Why a number can't be estimated; the report shows the text in the number's place.

use serde::Serialize;

/// The reason why a statistic has no value.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[non_exhaustive]
pub enum Undefined {
    /// A spread between seeds needs two of them.
    #[error("needs at least 2 seeds, has {n}")]
    TooFewSeeds {
        /// Seeds given.
        n: usize,
    },
    /// Nothing was run, for a reason that lies outside the statistics.
    #[error("no trials: {0}")]
    NoTrials(String),
    /// A spread between shared problems needs two of them.
    #[error("needs at least 2 shared problems, has {n}")]
    TooFewProblems {
        /// Problems given.
        n: usize,
    },
    /// A trend needs two points.
    #[error("a trend needs at least 2 arms, has {n}")]
    TooFewArms {
        /// Arms given.
        n: usize,
    },
    /// A table with a value missing.
    #[error("{values} values are no whole number of seeds with {each} each")]
    Ragged {
        /// Values given.
        values: usize,
        /// Values that each seed should have.
        each: usize,
    },
    /// All seeds gave the same value other than 0: no standard error, so no test.
    #[error("no variance between seeds")]
    NoVariance,
    /// NaN or infinite input.
    #[error("{what}, value {index} is not finite: {value}")]
    NotFinite {
        /// The series or quantity.
        what: &'static str,
        /// Position in the series, from 0.
        index: usize,
        /// What was given.
        value: f64,
    },
    /// Two series that are paired by seed have different lengths.
    #[error("{what}: expected {expected} seeds, got {got}")]
    SeedsDiffer {
        /// The series.
        what: &'static str,
        /// Seeds of the judged effects.
        expected: usize,
        /// Seeds of this series.
        got: usize,
    },
    /// A margin is a share of core's effect, and core's effects were not given.
    #[error("a margin as a share of core's effect needs core's effects")]
    MissingCore,
    /// A ratio was asked for without the effect that it is a ratio to.
    #[error("a ratio needs the full effect that it is compared with")]
    MissingReference,
    /// A share of an effect that may be 0 is no margin.
    #[error(
        "not testable: core's effect isn't clear of 0 (95% interval {low:.1} to {high:.1} points)"
    )]
    CoreNotClear {
        /// Lower end, percentage points.
        low: f64,
        /// Upper end, percentage points.
        high: f64,
    },
    /// A ratio to an effect that may be 0 means nothing.
    #[error(
        "not testable: the full effect isn't clear of 0 (95% interval {low:.1} to {high:.1} points)"
    )]
    ReferenceNotClear {
        /// Lower end, percentage points.
        low: f64,
        /// Upper end, percentage points.
        high: f64,
    },
    /// Recovery divides by the gap, which is too small to carry it.
    #[error("the gap of {gap:.1} points is under {least} points")]
    GapTooSmall {
        /// `password - locked`, percentage points.
        gap: f64,
        /// The least gap, percentage points.
        least: f64,
    },
    /// An accuracy of no problems.
    #[error("no problems were graded")]
    NoProblems,
    /// A part is larger than the whole.
    #[error("{part} of {whole} problems is impossible")]
    CountsDisagree {
        /// Problems counted in.
        part: u64,
        /// Problems in all.
        whole: u64,
    },
    /// A parameter that is fixed beforehand lies outside its range.
    #[error("{what}: expected {expected}, got {got}")]
    OutOfRange {
        /// The parameter.
        what: &'static str,
        /// Its range.
        expected: &'static str,
        /// What was given.
        got: f64,
    },
}

/// Refuses the first value that is not finite.
pub(crate) fn all_finite(what: &'static str, values: &[f64]) -> Result<(), Undefined> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => Err(Undefined::NotFinite {
            what,
            index,
            value: values[index],
        }),
    }
}

/// Refuses a parameter for which `holds` is false.
pub(crate) fn in_range(
    what: &'static str,
    expected: &'static str,
    got: f64,
    holds: bool,
) -> Result<(), Undefined> {
    if holds {
        Ok(())
    } else {
        Err(Undefined::OutOfRange {
            what,
            expected,
            got,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_that_is_not_finite_is_named() {
        let error = all_finite("effects", &[1.0, f64::INFINITY, f64::NAN]).unwrap_err();
        assert_eq!(error.to_string(), "effects, value 1 is not finite: inf");
    }

    #[test]
    fn texts_are_lower_case_without_a_full_stop() {
        let errors = [
            Undefined::TooFewSeeds { n: 1 },
            Undefined::NoVariance,
            Undefined::MissingCore,
            Undefined::CoreNotClear {
                low: -1.0,
                high: 4.0,
            },
            Undefined::GapTooSmall {
                gap: 2.0,
                least: 5.0,
            },
            Undefined::NoProblems,
        ];
        for text in errors.map(|error| error.to_string()) {
            assert!(
                text.starts_with(char::is_lowercase) && !text.ends_with('.'),
                "{text}"
            );
        }
    }
}
