//! How answers are drawn from a model's distributions.

use serde::{Deserialize, Serialize};

/// How answers are sampled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Logits are taken over it; 0 takes the likeliest token each time.
    #[serde(default = "one")]
    pub temperature: f64,
    /// Samples come from the fewest likeliest tokens that have this probability together, above 0 to 1.
    #[serde(default = "one")]
    pub top_p: f64,
}

impl Sampling {
    /// The likeliest tokens.
    pub const GREEDY: Self = Self {
        temperature: 0.0,
        top_p: 1.0,
    };

    /// Whether it is the model's own distribution.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Sampling {
    /// The model's own distribution.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
        }
    }
}

fn one() -> f64 {
    1.0
}
