//! Departures from the pre-registration, which make a claim exploratory but change no verdict.

use std::fmt;

use serde::Serialize;

/// What the pre-registration counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Replicates of the organism.
    Seeds,
    /// Choices of samples within a seed.
    Draws,
    /// Graded problems per trial.
    Problems,
}

/// One departure from the pre-registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Deviation {
    /// Less was measured than pre-registered.
    Fewer {
        /// Of what.
        unit: Unit,
        /// The least that was pre-registered.
        registered: usize,
        /// What was measured.
        used: usize,
    },
    /// Seeds were added after results had been looked at.
    SeedsAdded {
        /// Seeds at first.
        planned: usize,
        /// Seeds now.
        used: usize,
    },
    /// Anything else, in lower case without a full stop.
    Other(String),
}

impl fmt::Display for Unit {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str(match self {
            Self::Seeds => "seeds",
            Self::Draws => "draws",
            Self::Problems => "problems",
        })
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Fewer {
                unit,
                registered,
                used,
            } => {
                write!(out, "{used} {unit} where {registered} were pre-registered")
            }
            Self::SeedsAdded { planned, used } => {
                write!(
                    out,
                    "seeds were added after looking: {planned} planned, {used} used"
                )
            }
            Self::Other(text) => out.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn departures_read_as_sentences() {
        let fewer = Deviation::Fewer {
            unit: Unit::Draws,
            registered: 4,
            used: 2,
        };
        assert_eq!(fewer.to_string(), "2 draws where 4 were pre-registered");
        let added = Deviation::SeedsAdded {
            planned: 4,
            used: 8,
        };
        assert_eq!(
            added.to_string(),
            "seeds were added after looking: 4 planned, 8 used"
        );
    }
}
