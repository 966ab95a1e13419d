//! Decoding step by step, on any device.

use picklock_family::PROMPT_TOKENS;

use super::choice::Chosen;
use super::settings::Decoding;
use crate::attention::Mask;
use crate::cache::Cache;
use crate::decoder::Network;
use crate::network::Pass;
use crate::{Device, Kind, Model, Result, Rows, Tensor};

/// A decoding in progress.
pub(super) struct Decoder<'a> {
    pub(super) network: Network,
    pub(super) cache: Cache,
    pub(super) prompts: &'a Rows,
    pub(super) decoding: &'a Decoding,
    /// Whether log-probabilities are computed.
    pub(super) scored: bool,
    /// The numbers that choose samples, `[R, B, N]`, float64; `None` for greedy.
    pub(super) uniforms: Option<Tensor>,
    /// Which cached positions may be looked at, `[R*B, 1, 1, capacity]`; `None` for all.
    keys: Option<Tensor>,
    /// Number of real tokens of each prompt, `[R, B, 1]`; `None` where all are real.
    pub(super) lengths: Option<Tensor>,
    /// The stop tokens, `[n]`; `None` for none.
    pub(super) stop: Option<Tensor>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(
        model: &Model,
        prompts: &'a Rows,
        decoding: &'a Decoding,
        uniforms: Option<&Tensor>,
        scored: bool,
    ) -> Result<Self> {
        let [replicas, batch, length] = prompts.size()?;
        let device = model.device();
        let capacity = length + decoding.max_new_tokens as i64 - 1;
        let mask = prompts.mask.as_ref();
        let keys = mask.map(|mask| all_keys(mask, capacity));
        let sampled = uniforms.filter(|_| decoding.temperature > 0.0);
        let uniforms = sampled.map(|numbers| numbers.f_to_device(device)?.f_to_kind(Kind::Double));
        let ids: Vec<i64> = decoding.stop.iter().map(|&id| i64::from(id)).collect();
        let stop = (!ids.is_empty()).then(|| Tensor::f_from_slice(&ids)?.f_to_device(device));
        Ok(Self {
            network: model.network()?,
            cache: Cache::new(model, replicas * batch, capacity)?,
            prompts,
            decoding,
            scored,
            uniforms: uniforms.transpose()?,
            keys: keys.transpose()?,
            lengths: mask.map(prompt_lengths).transpose()?,
            stop: stop.transpose()?,
        })
    }

    /// New tokens, `[R, B, n]`, up to where all rows have stopped or beyond.
    pub(super) fn run(mut self) -> Result<Chosen> {
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
    pub(super) fn prompt(&mut self) -> Result<Chosen> {
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
            let cache = self.cache.narrow(start, replicas * count)?;
            let hidden = self.network.hidden(&pass, Some(&cache))?;
            logits.push(self.network.logits(&pass, &hidden)?);
        }
        self.cache.filled += length;
        self.choose(&Tensor::f_cat(&logits, 1)?, 0)
    }

    /// Runs the newest tokens, `[R, B, 1]`, and chooses the ones after.
    fn next(&mut self, newest: &Tensor, step: usize) -> Result<Chosen> {
        let filled = self.cache.filled;
        let mask = match &self.keys {
            Some(keys) => Mask::Allowed(keys.f_narrow(3, 0, filled + 1)?),
            None => Mask::Everything,
        };
        let lengths = self.lengths.as_ref();
        let positions = lengths.map(|lengths| lengths.f_add_scalar(step as i64 - 1));
        let pass = Pass::next(newest, filled, positions.transpose()?, mask)?;
        let hidden = self.network.hidden(&pass, Some(&self.cache))?;
        let logits = self.network.logits(&pass, &hidden)?;
        self.cache.filled += 1;
        self.choose(&logits, step)
    }

    /// What logits `[R, B, 1, V]` lead to, `[R, B, 1]`.
    fn choose(&self, logits: &Tensor, step: usize) -> Result<Chosen> {
        let uniforms = self.uniforms.as_ref();
        let numbers = uniforms.map(|uniforms| uniforms.f_narrow(2, step as i64, 1));
        let numbers = numbers.transpose()?;
        Chosen::of(logits, self.decoding, numbers.as_ref(), self.scored)
    }

    /// Which tokens, of any shape, end an answer.
    pub(super) fn ended(&self, tokens: &Tensor) -> Result<Tensor> {
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
        let mut all = self.ended(newest)?;
        if let Some(before) = stopped {
            all = before.f_logical_or(&all)?;
        }
        let ask = newest.device() == Device::Cpu || step.is_multiple_of(8);
        let done = ask && all.f_all()?.f_int64_value(&[])? != 0;
        *stopped = Some(all);
        Ok(done)
    }
}

/// A prompt's mask, with the new tokens after it.
fn all_keys(mask: &Tensor, capacity: i64) -> Result<Tensor> {
    let (replicas, batch, length) = mask.size3()?;
    let options = (Kind::Bool, mask.device());
    let new = Tensor::f_ones([replicas, batch, capacity - length], options)?;
    Ok(Tensor::f_cat(&[mask, &new], 2)?.f_view_([-1, 1, 1, capacity])?)
}

fn prompt_lengths(mask: &Tensor) -> Result<Tensor> {
    Ok(mask.f_sum_dim_intlist([2].as_slice(), true, Kind::Int64)?)
}
