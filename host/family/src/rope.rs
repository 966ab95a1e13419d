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

/// Where a family's older configurations keep what transformers 5 has in `rope_parameters`.
pub(crate) struct RopeKeys {
    pub(crate) theta: &'static str,
    /// `None` in families that rotate whole heads.
    pub(crate) share: Option<&'static str>,
}

/// The keys of `rope_parameters` and of `rope_scaling`.
const KNOWN: [&str; 8] = [
    "rope_type",
    "type",
    "rope_theta",
    "partial_rotary_factor",
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
        let own = own.as_ref();
        let number = |key: &str, older: &str, default: f64| match own {
            Some(own) => own.positive(key, fields.positive(older, default)?),
            None => fields.positive(older, default),
        };
        let share = match keys.share {
            Some(key) => number("partial_rotary_factor", key, DEFAULT_SHARE)?,
            None => number("partial_rotary_factor", "partial_rotary_factor", 1.0)?,
        };
        let most = if keys.share.is_some() {
            "above 0 up to 1"
        } else {
            "1"
        };
        if share > 1.0 || (keys.share.is_none() && share < 1.0) {
            return Err(wrong("partial_rotary_factor", most, &share.into()));
        }
        Ok(Self {
            theta: number("rope_theta", keys.theta, Self::DEFAULT.theta)?,
            partial_rotary_factor: share,
            scaling: own.map_or(Ok(Scaling::Default), |own| Scaling::read(own, fields))?,
        })
    }

    /// Adds the keys of both spellings to a configuration.
    pub(crate) fn write(&self, keys: &RopeKeys, config: &mut Value) {
        let mut parameters = self.scaling.write();
        let scaling = match self.scaling {
            Scaling::Default => Value::Null,
            _ => parameters.clone(),
        };
        config["rope_scaling"] = scaling;
        parameters["rope_theta"] = json!(self.theta);
        config[keys.theta] = json!(self.theta);
        if let Some(key) = keys.share {
            parameters["partial_rotary_factor"] = json!(self.partial_rotary_factor);
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
            return Err(wrong("partial_rotary_factor", &expected, &rotated.into()));
        }
        Ok(rotated)
    }
}

impl Scaling {
    fn read(own: &Fields, config: &Fields) -> Result<Self> {
        let number = |key: &str| own.required_positive(key);
        let name = own.optional::<String>("rope_type", "a name")?;
        let name = name.map_or_else(|| own.optional("type", "a name"), |name| Ok(Some(name)))?;
        if let Some(other) = &name
            && !TYPES.contains(&other.as_str())
        {
            let expected = "default, linear or llama3";
            return Err(wrong("rope_type", expected, &other.as_str().into()));
        }
        own.none_but(&KNOWN)?;
        match name.as_deref() {
            Some("linear") => Ok(Self::Linear {
                factor: number("factor")?,
            }),
            Some("llama3") => Ok(Self::Llama3 {
                factor: number("factor")?,
                low_freq_factor: number("low_freq_factor")?,
                high_freq_factor: number("high_freq_factor")?,
                original_max_position_embeddings: original_length(own, config)?,
            }),
            _ => Ok(Self::Default),
        }
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
    let place = [
        (config, key),
        (own, key),
        (config, "max_position_embeddings"),
    ];
    for (fields, key) in place {
        if let Some(length) = fields.optional_size(key)? {
            return Ok(length as f64);
        }
    }
    own.size(key).map(|length| length as f64)
}
