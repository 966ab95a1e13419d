//! Greedy and sampled decoding with a static key/value cache.

mod choice;
mod live;
mod on_device;

use picklock_family::PROMPT_TOKENS;
use tch::no_grad_guard;

use crate::attention::Mask;
use crate::cache::Cache;
use crate::decoder::Network;
use crate::network::Pass;
use crate::{Device, Error, Kind, Model, Result, Rows, Tensor, cuda};
use choice::Chosen;
use on_device::OnDevice;

/// How answers are decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoding {
    /// The longest answer.
    pub max_new_tokens: usize,
    /// 0 takes the likeliest token each time; above, tokens are sampled from logits over it.
    pub temperature: f64,
    /// Samples come from the fewest tokens, likeliest first, that together have this probability,
    /// and from those as likely as the last of them; 1 for all tokens.
    pub top_p: f64,
    /// Tokens that end an answer.
    pub stop: Vec<u32>,
}

impl Decoding {
    /// The likeliest tokens, so many.
    pub fn greedy(max_new_tokens: usize) -> Self {
        Self {
            max_new_tokens,
            temperature: 0.0,
            top_p: 1.0,
            stop: Vec::new(),
        }
    }
}

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
    match decoder.network.steps_on_device(model.device()) {
        true => OnDevice::new(decoder)?.run(),
        false => decoder.run(),
    }
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
    let row = |index: usize| {
        let place = index * length..(index + 1) * length;
        let tokens = cut(&ids[place.clone()], stop);
        let log_probs = log_probs.get(place).unwrap_or_default();
        let log_probs = log_probs.iter().copied().take(tokens.len()).collect();
        Scored { tokens, log_probs }
    };
    Ok((0..(replicas * batch) as usize).map(row).collect())
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
    let ids: Vec<u32> = row.iter().map(|&id| id as u32).collect();
    let end = ids
        .iter()
        .position(|id| stop.contains(id))
        .map_or(ids.len(), |place| place + 1);
    ids[..end].to_vec()
}

fn check(
    model: &Model,
    prompts: &Rows,
    decoding: &Decoding,
    uniforms: Option<&Tensor>,
) -> Result<()> {
    model.check_rows(prompts, decoding.max_new_tokens as i64 - 1)?;
    if !(decoding.temperature >= 0.0 && decoding.temperature.is_finite()) {
        return Err(Error::argument(
            "temperature",
            "0 or more",
            decoding.temperature,
        ));
    }
    if !(decoding.top_p > 0.0 && decoding.top_p <= 1.0) {
        let expected = "above 0 and at most 1";
        return Err(Error::argument("top_p", expected, decoding.top_p));
    }
    let [replicas, batch, _] = prompts.size()?;
    let expected = [replicas, batch, decoding.max_new_tokens as i64];
    let got = uniforms.map(Tensor::size);
    if decoding.temperature > 0.0 && got.as_deref() != Some(&expected) {
        let got = got.map_or_else(|| "none".to_owned(), |size| format!("{size:?}"));
        return Err(Error::argument("uniforms", format!("{expected:?}"), got));
    }
    Ok(())
}

/// A decoding under way.
struct Decoder<'a> {
    network: Network,
    cache: Cache,
    prompts: &'a Rows,
    decoding: &'a Decoding,
    /// Whether log-probabilities are asked for.
    scored: bool,
    /// The numbers that choose samples, `[R, B, N]`, float64; `None` for greedy.
    uniforms: Option<Tensor>,
    /// Which cached positions may be looked at, `[R*B, 1, 1, capacity]`; `None` for all.
    keys: Option<Tensor>,
    /// Number of real tokens of each prompt, `[R, B, 1]`; `None` where all are real.
    lengths: Option<Tensor>,
    /// The stop tokens, `[n]`; `None` for none.
    stop: Option<Tensor>,
}

impl<'a> Decoder<'a> {
    fn new(
        model: &Model,
        prompts: &'a Rows,
        decoding: &'a Decoding,
        uniforms: Option<&Tensor>,
        scored: bool,
    ) -> Result<Self> {
        let [replicas, batch, length] = prompts.size()?;
        let device = model.device();
        let capacity = length + decoding.max_new_tokens as i64 - 1;
        let keys = prompts
            .mask
            .as_ref()
            .map(|mask| all_keys(mask, capacity))
            .transpose()?;
        let lengths = prompts.mask.as_ref().map(prompt_lengths).transpose()?;
        let sampled = uniforms.filter(|_| decoding.temperature > 0.0);
        let uniforms = sampled.map(|numbers| numbers.f_to_device(device)?.f_to_kind(Kind::Double));
        let stop: Vec<i64> = decoding.stop.iter().map(|&id| i64::from(id)).collect();
        let stop = (!stop.is_empty()).then(|| Tensor::f_from_slice(&stop)?.f_to_device(device));
        Ok(Self {
            network: model.network()?,
            cache: Cache::new(model, replicas * batch, capacity)?,
            prompts,
            decoding,
            scored,
            uniforms: uniforms.transpose()?,
            keys,
            lengths,
            stop: stop.transpose()?,
        })
    }

    /// New tokens, `[R, B, n]`, up to where all rows have stopped or beyond.
    fn run(mut self) -> Result<Chosen> {
        let mut answers = vec![self.prompt()?];
        let mut stopped = None;
        for step in 1..self.decoding.max_new_tokens {
            let newest = &answers[step - 1].tokens;
            if self.all_stopped(newest, &mut stopped, step)? {
                break;
            }
            let chosen = self.next(newest, step)?;
            answers.push(chosen);
        }
        Chosen::cat(&answers)
    }

    /// Runs the prompts and chooses the first token, `[R, B, 1]`. The prompts of one model go a part
    /// at a time, since their activations are much larger than what is kept of them.
    fn prompt(&mut self) -> Result<Chosen> {
        let [replicas, batch, length] = self.prompts.size()?;
        let options = (Kind::Int64, self.prompts.tokens.device());
        let part = match replicas {
            1 => (PROMPT_TOKENS / length).clamp(1, batch),
            _ => batch,
        };
        let mut logits = Vec::new();
        for start in (0..batch).step_by(part as usize) {
            let count = part.min(batch - start);
            let rows = self.prompts.narrow(start, count)?;
            let last = Tensor::f_full([replicas, count, 1], length - 1, options)?;
            let pass = Pass::rows(&rows, Some(&last), self.network.layers())?;
            let mut cache = match count == batch {
                true => self.cache.share(),
                false => self.cache.narrow(start, count)?,
            };
            let hidden = self.network.hidden(&pass, Some(&mut cache))?;
            logits.push(self.network.logits(&pass, &hidden)?);
        }
        self.cache.advance(length);
        self.choose(&Tensor::f_cat(&logits, 1)?, 0)
    }

    /// Runs the newest tokens, `[R, B, 1]`, and chooses the ones after.
    fn next(&mut self, newest: &Tensor, step: usize) -> Result<Chosen> {
        let filled = self.cache.filled();
        let mask = match &self.keys {
            Some(keys) => Mask::Allowed(keys.f_narrow(3, 0, filled + 1)?),
            None => Mask::Everything,
        };
        let positions = match &self.lengths {
            Some(lengths) => Some(lengths.f_add_scalar(step as i64 - 1)?),
            None => None,
        };
        let pass = Pass::next(newest, filled, positions, mask)?;
        let hidden = self.network.hidden(&pass, Some(&mut self.cache))?;
        let logits = self.network.logits(&pass, &hidden)?;
        self.cache.advance(1);
        self.choose(&logits, step)
    }

    /// What logits `[R, B, 1, V]` lead to, `[R, B, 1]`.
    fn choose(&self, logits: &Tensor, step: usize) -> Result<Chosen> {
        let numbers = self.uniforms.as_ref();
        let numbers = numbers.map(|uniforms| uniforms.f_narrow(2, step as i64, 1));
        let numbers = numbers.transpose()?;
        Chosen::of(logits, self.decoding, numbers.as_ref(), self.scored)
    }

    /// Which tokens, of any shape, end an answer.
    fn ended(&self, tokens: &Tensor) -> Result<Tensor> {
        Ok(match &self.stop {
            Some(ends) => Tensor::f_isin(tokens, ends, false, false)?,
            None => tokens.f_zeros_like()?.f_to_kind(Kind::Bool)?,
        })
    }

    /// Whether every row holds a stop token. A GPU is asked only now and then, as that waits for it.
    fn all_stopped(
        &self,
        newest: &Tensor,
        stopped: &mut Option<Tensor>,
        step: usize,
    ) -> Result<bool> {
        if self.stop.is_none() {
            return Ok(false);
        }
        let now = self.ended(newest)?;
        let all = match stopped.take() {
            Some(before) => before.f_logical_or(&now)?,
            None => now,
        };
        let ask = newest.device() == Device::Cpu || step.is_multiple_of(8);
        let done = ask && all.f_all()?.f_int64_value(&[])? != 0;
        *stopped = Some(all);
        Ok(done)
    }
}

/// A prompt's mask, with the new tokens after it.
fn all_keys(mask: &Tensor, capacity: i64) -> Result<Tensor> {
    let (replicas, batch, length) = mask.size3()?;
    let new = Tensor::f_ones(
        [replicas, batch, capacity - length],
        (Kind::Bool, mask.device()),
    )?;
    Ok(Tensor::f_cat(&[mask, &new], 2)?.f_view_([-1, 1, 1, capacity])?)
}

fn prompt_lengths(mask: &Tensor) -> Result<Tensor> {
    Ok(mask.f_sum_dim_intlist([2].as_slice(), true, Kind::Int64)?)
}
