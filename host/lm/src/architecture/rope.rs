//! Rotary positions (Su et al. 2021), plain and stretched for longer rows.
//!
//! `linear` divides positions; `llama3` is transformers' `_compute_llama3_parameters`.

use serde_json::{Value, json};

use super::config::{Fields, wrong};
use crate::network::Pass;
use crate::{Kind, Result, Tensor};

/// How rotary frequencies are stretched for longer rows.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Rope {
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

impl Rope {
    /// Base and stretching, from `rope_parameters` (transformers 5) or else from `rope_theta` and
    /// `rope_scaling`.
    pub(super) fn read(fields: &Fields) -> Result<(f64, Self)> {
        let new = fields.object("rope_parameters")?;
        let theta = match &new {
            Some(parameters) => parameters.optional("rope_theta", "a number")?,
            None => None,
        };
        let theta = theta.map_or_else(|| fields.positive("rope_theta", 10_000.0), Ok)?;
        let scaling = match new {
            Some(parameters) => Some(parameters),
            None => fields.object("rope_scaling")?,
        };
        Ok((
            theta,
            scaling.map_or(Ok(Self::Default), |scaling| Self::read_scaling(&scaling))?,
        ))
    }

    fn read_scaling(scaling: &Fields) -> Result<Self> {
        scaling.only("partial_rotary_factor", &[json!(1.0), json!(1)])?;
        let number = |key: &str| scaling.required::<f64>(key, "a number");
        let name = scaling.optional::<String>("rope_type", "a name")?;
        let name =
            name.map_or_else(|| scaling.optional("type", "a name"), |name| Ok(Some(name)))?;
        match name.as_deref() {
            None | Some("default") => Ok(Self::Default),
            Some("linear") => Ok(Self::Linear {
                factor: number("factor")?,
            }),
            Some("llama3") => Ok(Self::Llama3 {
                factor: number("factor")?,
                low_freq_factor: number("low_freq_factor")?,
                high_freq_factor: number("high_freq_factor")?,
                original_max_position_embeddings: number("original_max_position_embeddings")?,
            }),
            Some(other) => Err(wrong(
                "rope_type",
                "default, linear or llama3",
                &other.into(),
            )),
        }
    }

    pub(super) fn write(self) -> Value {
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
                "original_max_position_embeddings": original_max_position_embeddings,
            }),
        }
    }

    /// The frequency of each pair of a head's numbers, in radians per position.
    pub(super) fn frequencies(self, theta: f64, head_dim: i64) -> Vec<f32> {
        let plain = |pair: i64| theta.powf(-2.0 * pair as f64 / head_dim as f64);
        (0..head_dim / 2)
            .map(|pair| self.stretch(plain(pair)) as f32)
            .collect()
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

/// Cosines and sines of a pass's positions.
pub(super) struct Rotation {
    cos: Tensor,
    sin: Tensor,
}

impl Rotation {
    /// Both as `[T, d]`, or `[R*B, 1, T, d]` where rows have positions of their own.
    pub(super) fn new(frequencies: &Tensor, pass: &Pass) -> Result<Self> {
        let positions = match pass.explicit_positions() {
            Some(positions) => positions.f_view_([-1, 1, pass.length(), 1])?,
            None => pass.position_range()?.f_unsqueeze(-1)?,
        };
        let angles = positions.f_to_kind(Kind::Float)?.f_mul(frequencies)?;
        let angles = Tensor::f_cat(&[&angles, &angles], -1)?;
        Ok(Self {
            cos: angles.f_cos()?,
            sin: angles.f_sin()?,
        })
    }

    /// Rotates `[R*B, H, T, d]`; a number's partner stands half a head away.
    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let halves = x.f_chunk(2, -1)?;
        let turned = Tensor::f_cat(&[&halves[1].f_neg()?, &halves[0]], -1)?;
        Ok(x.f_mul(&self.cos)?.f_add(&turned.f_mul(&self.sin)?)?)
    }
}
