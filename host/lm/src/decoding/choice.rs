//! Choosing tokens, the likeliest or those that given numbers draw, and saying how likely they were.

use super::settings::Decoding;
use crate::{Kind, Result, Tensor};

/// Tokens, `[R, B, n]`, and where they are scored their log-probabilities, of the same shape.
pub(super) struct Chosen {
    pub(super) tokens: Tensor,
    pub(super) log_probs: Option<Tensor>,
}

impl Chosen {
    /// Of logits `[R, B, 1, V]` the likeliest tokens, or those that the numbers `[R, B, 1]` draw.
    pub(super) fn of(
        logits: &Tensor,
        decoding: &Decoding,
        numbers: Option<&Tensor>,
        scored: bool,
    ) -> Result<Self> {
        let tokens = match numbers {
            Some(numbers) => drawn(logits, decoding, numbers)?,
            None => logits.f_argmax(-1, false)?,
        };
        let log_probs = scored.then(|| log_probs(logits, &tokens));
        Ok(Self {
            log_probs: log_probs.transpose()?,
            tokens,
        })
    }

    /// Steps one after another.
    pub(super) fn cat(steps: &[Self]) -> Result<Self> {
        let tokens: Vec<&Tensor> = steps.iter().map(|step| &step.tokens).collect();
        let scored: Option<Vec<&Tensor>> =
            steps.iter().map(|step| step.log_probs.as_ref()).collect();
        let log_probs = scored.map(|log_probs| Tensor::f_cat(&log_probs, 2));
        Ok(Self {
            tokens: Tensor::f_cat(&tokens, 2)?,
            log_probs: log_probs.transpose()?,
        })
    }

    /// The same with each tensor replaced.
    pub(super) fn each(&self, change: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self {
            tokens: change(&self.tokens)?,
            log_probs: self.log_probs.as_ref().map(&change).transpose()?,
        })
    }

    /// Calls `write` with each of these tensors and its counterpart in `other`.
    pub(super) fn with(
        &self,
        other: &Self,
        write: impl Fn(&Tensor, &Tensor) -> Result<()>,
    ) -> Result<()> {
        write(&self.tokens, &other.tokens)?;
        match (&self.log_probs, &other.log_probs) {
            (Some(own), Some(other)) => write(own, other),
            _ => Ok(()),
        }
    }
}

/// Each number's token: the first whose cumulative probability exceeds it, `[R, B, 1]`.
fn drawn(logits: &Tensor, decoding: &Decoding, numbers: &Tensor) -> Result<Tensor> {
    let mut probabilities = logits
        .f_squeeze_dim(2)?
        .f_to_kind(Kind::Double)?
        .f_div_scalar(decoding.temperature)?
        .f_softmax(-1, None)?; // [R, B, V]
    if decoding.top_p < 1.0 {
        probabilities = nucleus(&probabilities, decoding.top_p)?;
    }
    let cumulative = probabilities.f_cumsum(-1, None)?;
    let total = cumulative.f_narrow(2, -1, 1)?;
    let chosen = numbers.f_mul(&total)?;
    let token = chosen.f_searchsorted(&cumulative, false, true, "right", None::<&Tensor>)?;
    Ok(token.f_clamp_max(logits.size()[3] - 1)?)
}

/// Probabilities, `[R, B, V]`, with 0 outside the nucleus (Holtzman et al. 2020): the fewest tokens,
/// likeliest first, that together have `top_p`, and those as likely as the last of them, so that no
/// order among equals matters.
fn nucleus(probabilities: &Tensor, top_p: f64) -> Result<Tensor> {
    let (sorted, _) = probabilities.f_sort(-1, true)?;
    let before = sorted.f_cumsum(-1, None)?.f_sub(&sorted)?;
    let inside = before.f_lt(top_p)?;
    let rank = inside
        .f_sum_dim_intlist([-1].as_slice(), true, Kind::Int64)?
        .f_sub_scalar(1)?;
    let least = sorted.f_gather(-1, &rank, false)?;
    Ok(probabilities.f_mul(&probabilities.f_ge_tensor(&least)?)?)
}

/// Log-probabilities, `[R, B, 1]` float32, of tokens under logits `[R, B, 1, V]`.
fn log_probs(logits: &Tensor, tokens: &Tensor) -> Result<Tensor> {
    let all = logits.f_to_kind(Kind::Float)?.f_log_softmax(-1, None)?;
    let of = all.f_gather(-1, &tokens.f_unsqueeze(-1)?, false)?;
    Ok(of.f_squeeze_dim(-1)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Likeliest first: .4, then two of .2 of which `top_p` .5 takes one and the tie the other.
    #[test]
    fn the_nucleus_is_the_fewest_likeliest_and_ties() {
        let probabilities = Tensor::from_slice(&[0.1, 0.2, 0.4, 0.1, 0.2]).view([1, 1, 5]);
        let kept = |top_p| -> Vec<f64> {
            Vec::try_from(nucleus(&probabilities, top_p).unwrap().view([-1])).unwrap()
        };
        assert_eq!(kept(1e-9), [0.0, 0.0, 0.4, 0.0, 0.0]);
        assert_eq!(kept(0.4), [0.0, 0.0, 0.4, 0.0, 0.0]);
        assert_eq!(kept(0.5), [0.0, 0.2, 0.4, 0.0, 0.2]);
        assert_eq!(kept(0.85), [0.1, 0.2, 0.4, 0.1, 0.2]);
    }
}
