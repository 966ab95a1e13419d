//! Greedy and sampled decoding with a static key/value cache.

mod choice;
mod eager;
mod live;
mod on_device;
mod settings;

use tch::no_grad_guard;

use crate::{Device, Error, Kind, Model, Result, Rows, Tensor, cuda};
use choice::Chosen;
use eager::Decoder;
use on_device::OnDevice;

pub use settings::Decoding;

/// An answer, and how likely the model held each of its tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The tokens, a stop token being the last.
    pub tokens: Vec<u32>,
    /// Log-probability of each in nats, float32, under the model's own distribution: at temperature
    /// 1, over all tokens.
    pub log_probs: Vec<f32>,
}

/// Continues prompts, `[R, B, T]`, padded on the left; answers are `[R][B][..]`, with the stop token
/// as their last.
///
/// `uniforms`, `[R, B, N]` in `[0, 1)` and needed where the temperature is above 0, choose the
/// samples: token n of a row is the first whose cumulative probability exceeds its number n. So a
/// sample depends on its row's own numbers and on nothing else.
///
/// # Errors
/// [`Error::Argument`] for prompts that don't fit the model or leave no room for the answer, and for
/// missing or misshapen uniforms.
pub fn generate(
    model: &Model,
    prompts: &Rows,
    decoding: &Decoding,
    uniforms: Option<&Tensor>,
) -> Result<Vec<Vec<Vec<u32>>>> {
    let decoded = decode(model, prompts, decoding, uniforms, false)?;
    let answers = rows(&decoded, &decoding.stop)?.into_iter();
    by_replica(answers.map(|answer| answer.tokens).collect(), prompts)
}

/// As [`generate`], with the log-probability of each token.
///
/// # Errors
/// As [`generate`].
pub fn generate_scored(
    model: &Model,
    prompts: &Rows,
    decoding: &Decoding,
    uniforms: Option<&Tensor>,
) -> Result<Vec<Vec<Scored>>> {
    let decoded = decode(model, prompts, decoding, uniforms, true)?;
    by_replica(rows(&decoded, &decoding.stop)?, prompts)
}

/// New tokens of all rows, `[R, B, n]`, with what follows a stop token.
fn decode(
    model: &Model,
    prompts: &Rows,
    decoding: &Decoding,
    uniforms: Option<&Tensor>,
    scored: bool,
) -> Result<Chosen> {
    let _guard = no_grad_guard();
    check(model, prompts, decoding, uniforms)?;
    if decoding.max_new_tokens == 0 {
        let [replicas, batch, _] = prompts.size()?;
        let none = |kind| Tensor::f_empty([replicas, batch, 0], (kind, Device::Cpu));
        return Ok(Chosen {
            tokens: none(Kind::Int64)?,
            log_probs: Some(none(Kind::Float)?),
        });
    }
    cuda::enter(model.device())?;
    let decoder = Decoder::new(model, prompts, decoding, uniforms, scored)?;
    if decoder.network.steps_on_device(model.device()) {
        return OnDevice::new(decoder)?.run();
    }
    decoder.run()
}

/// Answers one after another, each up to its first stop token, and their log-probabilities where
/// there are any.
fn rows(decoded: &Chosen, stop: &[u32]) -> Result<Vec<Scored>> {
    let (replicas, batch, length) = decoded.tokens.size3()?;
    let flat = |tensor: &Tensor| tensor.f_contiguous()?.f_view([-1]);
    let ids: Vec<i64> = Vec::try_from(flat(&decoded.tokens)?)?;
    let log_probs: Vec<f32> = match &decoded.log_probs {
        Some(log_probs) => Vec::try_from(flat(log_probs)?)?,
        None => Vec::new(),
    };
    let length = length as usize;
    let rows = (0..(replicas * batch) as usize).map(|index| {
        let range = index * length..(index + 1) * length;
        let tokens = cut(&ids[range.clone()], stop);
        let own = log_probs.get(range).unwrap_or_default().iter().copied();
        Scored {
            log_probs: own.take(tokens.len()).collect(),
            tokens,
        }
    });
    Ok(rows.collect())
}

/// Rows one after another as `[R][B]`.
fn by_replica<T>(rows: Vec<T>, prompts: &Rows) -> Result<Vec<Vec<T>>> {
    let [replicas, batch, _] = prompts.size()?;
    let mut rows = rows.into_iter();
    let replica = |_| rows.by_ref().take(batch as usize).collect();
    Ok((0..replicas).map(replica).collect())
}

/// A row up to its first stop token.
fn cut(row: &[i64], stop: &[u32]) -> Vec<u32> {
    let mut ids: Vec<u32> = row.iter().map(|&id| id as u32).collect();
    if let Some(end) = ids.iter().position(|id| stop.contains(id)) {
        ids.truncate(end + 1);
    }
    ids
}

fn check(
    model: &Model,
    prompts: &Rows,
    decoding: &Decoding,
    uniforms: Option<&Tensor>,
) -> Result<()> {
    model.check_rows(prompts, decoding.max_new_tokens as i64 - 1)?;
    let (temperature, top_p) = (decoding.temperature, decoding.top_p);
    if !(temperature >= 0.0 && temperature.is_finite()) {
        return Err(Error::argument("temperature", "0 or more", temperature));
    }
    if !(top_p > 0.0 && top_p <= 1.0) {
        return Err(Error::argument("top_p", "above 0 and at most 1", top_p));
    }
    let [replicas, batch, _] = prompts.size()?;
    let expected = [replicas, batch, decoding.max_new_tokens as i64];
    let got = uniforms.map(Tensor::size);
    if temperature > 0.0 && got.as_deref() != Some(&expected) {
        let got = got.map_or_else(|| "none".to_owned(), |size| format!("{size:?}"));
        return Err(Error::argument("uniforms", format!("{expected:?}"), got));
    }
    Ok(())
}
