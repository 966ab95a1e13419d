//! Rotary positions (Su et al. 2021), plain and stretched for longer rows.
//!
//! `linear` divides positions; `llama3` is transformers' `_compute_llama3_parameters`.

use serde_json::{Value, json};

use crate::Result;
use crate::fields::{Fields, wrong};

/// Rotary positions: how fast, and how much of each head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rope {
    /// Base of the frequencies (10,000 in the original).
    pub theta: f64,
    /// The share of a head's numbers that is rotated, above 0 up to 1; the others stay.
    pub partial_rotary_factor: f64,
    /// How the frequencies are stretched.
    pub scaling: Scaling,
}

/// How rotary frequencies are stretched for longer rows.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Scaling {
    /// Not at all.
    Default,
    /// Positions divided by `factor`.
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// Llama 3.1: low frequencies divided, high ones kept, those between blended.
    Llama3 {
        /// The divisor of low frequencies.
        factor: f64,
        /// Up to this many turns over the original length, a frequency is low.
        low_freq_factor: f64,
        /// From this many turns on, a frequency is high.
        high_freq_factor: f64,
        /// The original length, in positions.
        original_max_position_embeddings: f64,
    },
}

/// The keys of a family's older configurations for what transformers 5 has in `rope_parameters`.
pub(crate) struct RopeKeys {
    pub(crate) theta: &'static str,
    /// `None` in families that rotate whole heads.
    pub(crate) share: Option<&'static str>,
}

const SHARE: &str = "partial_rotary_factor";

/// The keys of `rope_parameters` and of `rope_scaling`.
const KNOWN: [&str; 8] = [
    "rope_type",
    "type",
    "rope_theta",
    SHARE,
    "factor",
    "low_freq_factor",
    "high_freq_factor",
    "original_max_position_embeddings",
];

/// The values of `rope_type`.
const TYPES: [&str; 3] = ["default", "linear", "llama3"];

/// The share of families that rotate less than whole heads, where their configurations don't say.
const DEFAULT_SHARE: f64 = 0.25;

impl Rope {
    /// Whole heads at the original's frequencies.
    pub const DEFAULT: Self = Self {
        theta: 10_000.0,
        partial_rotary_factor: 1.0,
        scaling: Scaling::Default,
    };

    /// From `rope_scaling` or else `rope_parameters` (transformers 5), with the older keys for what
    /// isn't there: the order in which transformers looks.
    pub(crate) fn read(fields: &Fields, keys: &RopeKeys) -> Result<Self> {
        let own = match fields.object("rope_scaling")? {
            Some(own) => Some(own),
            None => fields.object("rope_parameters")?,
        };
        let number = |key: &str, older: &str, default: f64| match &own {
            Some(own) => own.positive(key, fields.positive(older, default)?),
            None => fields.positive(older, default),
        };
        let (older, least, expected) = match keys.share {
            Some(key) => (key, DEFAULT_SHARE, "above 0 up to 1"),
            None => (SHARE, 1.0, "1"),
        };
        let share = number(SHARE, older, least)?;
        if share > 1.0 || (keys.share.is_none() && share < 1.0) {
            return Err(wrong(SHARE, expected, &share.into()));
        }
        let scaling = own.as_ref().map(|own| Scaling::read(own, fields));
        Ok(Self {
            theta: number("rope_theta", keys.theta, Self::DEFAULT.theta)?,
            partial_rotary_factor: share,
            scaling: scaling.unwrap_or(Ok(Scaling::Default))?,
        })
    }

    /// Adds the keys of both spellings to a configuration.
    pub(crate) fn write(&self, keys: &RopeKeys, config: &mut Value) {
        let mut parameters = self.scaling.write();
        config["rope_scaling"] = match self.scaling {
            Scaling::Default => Value::Null,
            _ => parameters.clone(),
        };
        parameters["rope_theta"] = json!(self.theta);
        config[keys.theta] = json!(self.theta);
        if let Some(key) = keys.share {
            parameters[SHARE] = json!(self.partial_rotary_factor);
            config[key] = json!(self.partial_rotary_factor);
        }
        config["rope_parameters"] = parameters;
    }

    /// How many of a head's numbers are rotated.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for an odd number, or none.
    pub fn rotated(&self, head_dim: i64) -> Result<i64> {
        let rotated = (head_dim as f64 * self.partial_rotary_factor) as i64;
        if rotated < 2 || rotated % 2 != 0 {
            let expected = format!("a share of {head_dim} numbers that is even");
            return Err(wrong(SHARE, &expected, &rotated.into()));
        }
        Ok(rotated)
    }
}

impl Scaling {
    fn read(own: &Fields, config: &Fields) -> Result<Self> {
        let number = |key: &str| own.required_positive(key);
        let mut name = own.optional::<String>("rope_type", "a name")?;
        if name.is_none() {
            name = own.optional("type", "a name")?;
        }
        let name = name.as_deref().unwrap_or("default");
        if !TYPES.contains(&name) {
            return Err(wrong(
                "rope_type",
                "default, linear or llama3",
                &name.into(),
            ));
        }
        own.none_but(&KNOWN)?;
        Ok(match name {
            "linear" => Self::Linear {
                factor: number("factor")?,
            },
            "llama3" => Self::Llama3 {
                factor: number("factor")?,
                low_freq_factor: number("low_freq_factor")?,
                high_freq_factor: number("high_freq_factor")?,
                original_max_position_embeddings: original_length(own, config)?,
            },
            _ => Self::Default,
        })
    }

    fn write(self) -> Value {
        match self {
            Self::Default => json!({ "rope_type": "default" }),
            Self::Linear { factor } => json!({ "rope_type": "linear", "factor": factor }),
            Self::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings,
            } => json!({
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": low_freq_factor,
                "high_freq_factor": high_freq_factor,
                "original_max_position_embeddings": original_max_position_embeddings as i64,
            }),
        }
    }

    /// The stretched frequency for a plain one, in radians per position.
    pub fn stretch(self, frequency: f64) -> f64 {
        match self {
            Self::Default => frequency,
            Self::Linear { factor } => frequency / factor,
            Self::Llama3 {
                factor,
                low_freq_factor: low,
                high_freq_factor: high,
                original_max_position_embeddings: original,
            } => {
                let turns = original * frequency / std::f64::consts::TAU;
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                kept * frequency + (1.0 - kept) * frequency / factor
            }
        }
    }
}

/// The length before stretching: as transformers has it, the configuration's own key goes first, and
/// without any it is the longest row.
fn original_length(own: &Fields, config: &Fields) -> Result<f64> {
    let key = "original_max_position_embeddings";
    let order = [
        (config, key),
        (own, key),
        (config, "max_position_embeddings"),
    ];
    for (fields, key) in order {
        if let Some(length) = fields.optional_size(key)? {
            return Ok(length as f64);
        }
    }
    own.size(key).map(|length| length as f64)
}
