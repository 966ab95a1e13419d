//! Rotary positions (Su et al. 2021), plain and stretched for longer rows.
//!
//! `linear` divides positions; `llama3` is transformers' `_compute_llama3_parameters`.

use serde_json::{Map, Value, json};

use super::config::{Fields, wrong};
use crate::network::Pass;
use crate::{Device, Kind, Result, Tensor};

/// Rotary positions: how fast, and how much of each head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rope {
    /// Base of the frequencies (10,000 in the original).
    pub theta: f64,
    /// The share of a head's numbers that is turned, above 0 up to 1; the others stay.
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
pub(super) struct RopeKeys {
    pub(super) theta: &'static str,
    /// `None` in families that turn whole heads.
    pub(super) share: Option<&'static str>,
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

/// The share of families that turn less than whole heads, where their configurations don't say.
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
    pub(super) fn read(fields: &Fields, keys: &RopeKeys) -> Result<Self> {
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
    pub(super) fn write(&self, keys: &RopeKeys, config: &mut Map<String, Value>) {
        let mut parameters = self.scaling.write();
        let scaling = match self.scaling {
            Scaling::Default => Value::Null,
            _ => parameters.clone(),
        };
        config.insert("rope_scaling".to_owned(), scaling);
        parameters["rope_theta"] = json!(self.theta);
        config.insert(keys.theta.to_owned(), json!(self.theta));
        if let Some(key) = keys.share {
            parameters["partial_rotary_factor"] = json!(self.partial_rotary_factor);
            config.insert(key.to_owned(), json!(self.partial_rotary_factor));
        }
        config.insert("rope_parameters".to_owned(), parameters);
    }

    /// How many of a head's numbers are turned, an even number.
    pub(super) fn turned(&self, head_dim: i64) -> Result<i64> {
        let turned = (head_dim as f64 * self.partial_rotary_factor) as i64;
        if turned < 2 || turned % 2 != 0 {
            let expected = format!("a share of {head_dim} numbers that is even");
            return Err(wrong("partial_rotary_factor", &expected, &turned.into()));
        }
        Ok(turned)
    }

    /// The frequency of each turned pair of a head's numbers, `[n]`, in radians per position;
    /// computed in float32, as transformers does.
    pub(super) fn frequencies(&self, head_dim: i64) -> Result<Tensor> {
        let turned = self.turned(head_dim)?;
        let options = (Kind::Float, Device::Cpu);
        let powers = Tensor::f_arange_start_step(0, turned, 2, options)?.f_div_scalar(turned)?;
        let plain = Tensor::f_pow_scalar(self.theta, &powers)?.f_reciprocal()?;
        let plain: Vec<f32> = Vec::try_from(plain)?;
        let stretched = plain
            .iter()
            .map(|&plain| self.scaling.stretch(plain.into()) as f32);
        Ok(Tensor::f_from_slice(&stretched.collect::<Vec<_>>())?)
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

    /// Turns a plain frequency, in radians per position, into the stretched one.
    fn stretch(self, frequency: f64) -> f64 {
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

/// Cosines and sines of places in a row.
pub(crate) struct Rotation {
    /// `[places, n]`, float32, or as [`Rotation::at`] lays them out.
    cos: Tensor,
    sin: Tensor,
}

impl Rotation {
    /// Of the first so many places, of frequencies `[n / 2]`.
    pub(super) fn new(frequencies: &Tensor, places: i64) -> Result<Self> {
        let options = (Kind::Float, frequencies.device());
        let places = Tensor::f_arange(places, options)?.f_unsqueeze(-1)?;
        let angles = places.f_mul(frequencies)?;
        let angles = Tensor::f_cat(&[&angles, &angles], -1)?;
        Ok(Self {
            cos: angles.f_cos()?,
            sin: angles.f_sin()?,
        })
    }

    /// Number of places.
    pub(super) fn places(&self) -> i64 {
        self.cos.size()[0]
    }

    /// Another handle on the same tables.
    pub(super) fn share(&self) -> Self {
        let (cos, sin) = (self.cos.shallow_clone(), self.sin.shallow_clone());
        Self { cos, sin }
    }

    /// Cosines and sines, `[places, n]` each, float32; both halves of a row are equal.
    pub(crate) fn tables(&self) -> (&Tensor, &Tensor) {
        (&self.cos, &self.sin)
    }

    /// Of a pass's places: `[T, n]`, or `[R*B, 1, T, n]` where rows have places of their own.
    pub(super) fn at(&self, pass: &Pass) -> Result<Self> {
        let of = |table: &Tensor| -> Result<Tensor> {
            Ok(match pass.explicit_positions() {
                Some(places) => {
                    let width = table.size()[1];
                    let rows = table.f_index_select(0, &places.f_reshape([-1])?)?;
                    rows.f_view_([-1, 1, pass.length(), width])?
                }
                None => table.f_narrow(0, pass.first_position(), pass.length())?,
            })
        };
        let (cos, sin) = (of(&self.cos)?, of(&self.sin)?);
        Ok(Self { cos, sin })
    }

    /// Rotates the first n numbers of heads `[R*B, H, T, d]`; a number's partner stands n / 2 away.
    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let last = |x: &Tensor| x.size().last().copied().unwrap_or(0);
        let (width, turned) = (last(x), last(&self.cos));
        if turned == width {
            return self.turn(x);
        }
        let kept = x.f_narrow(-1, turned, width - turned)?;
        Ok(Tensor::f_cat(
            &[self.turn(&x.f_narrow(-1, 0, turned)?)?, kept],
            -1,
        )?)
    }

    fn turn(&self, x: &Tensor) -> Result<Tensor> {
        let halves = x.f_chunk(2, -1)?;
        let turned = Tensor::f_cat(&[&halves[1].f_neg()?, &halves[0]], -1)?;
        let kind = x.f_kind()?;
        let (cos, sin) = (self.cos.f_to_kind(kind)?, self.sin.f_to_kind(kind)?);
        Ok(x.f_mul(&cos)?.f_add(&turned.f_mul(&sin)?)?)
    }
}
