//! Naming arms across hypotheses.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An arm of this hypothesis (`unlock`) or of another one (`core/unlock`).
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ArmRef {
    /// The other hypothesis; none for this one.
    pub hypothesis: Option<String>,
    /// The arm.
    pub arm: String,
}

impl ArmRef {
    /// The arm of a named hypothesis.
    pub fn of(hypothesis: &str, arm: &str) -> Self {
        Self {
            hypothesis: Some(hypothesis.to_string()),
            arm: arm.to_string(),
        }
    }

    /// The same with its hypothesis named, `home` where it has none.
    #[must_use]
    pub fn absolute(&self, home: &str) -> Self {
        Self::of(self.hypothesis.as_deref().unwrap_or(home), &self.arm)
    }
}

impl From<String> for ArmRef {
    fn from(text: String) -> Self {
        match text.split_once('/') {
            Some((hypothesis, arm)) => Self::of(hypothesis, arm),
            None => Self {
                hypothesis: None,
                arm: text,
            },
        }
    }
}

impl From<ArmRef> for String {
    fn from(arm: ArmRef) -> Self {
        arm.to_string()
    }
}

impl fmt::Display for ArmRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hypothesis {
            Some(hypothesis) => write!(formatter, "{hypothesis}/{}", self.arm),
            None => self.arm.fmt(formatter),
        }
    }
}

/// The arms whose difference is core's effect: treated, control.
pub fn core_arms() -> (ArmRef, ArmRef) {
    (ArmRef::of("core", "unlock"), ArmRef::of("core", "locked"))
}
