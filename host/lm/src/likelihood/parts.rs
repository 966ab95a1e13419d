//! The output head and cross-entropy on a CPU, a part of the targets at a time, so that the logits of
//! a large vocabulary never exist all at once. Gradients are made along with the losses.

use tch::with_grad;

use crate::{Kind, Result, Targets, Tensor};

/// Logits that exist at a time.
const MOST_LOGITS: i64 = 1 << 24;

/// Targets of each replica that go together; `None` where all may.
pub(super) fn size(hidden: &Tensor, head: &Tensor) -> Option<i64> {
    let replicas = if hidden.dim() == 2 {
        1
    } else {
        hidden.size()[0]
    };
    let (tokens, words) = (hidden.size()[hidden.dim() - 2], head.size()[head.dim() - 2]);
    let most = (MOST_LOGITS / (replicas * words)).max(1);
    (most < tokens).then_some(most)
}

/// Losses `[R]`, `most` targets of each replica at a time, of what the head reads, flat, and the
/// head's weight.
pub(super) fn loss(hidden: &Tensor, head: &Tensor, targets: &Targets, most: i64) -> Result<Tensor> {
    let replicas = targets.labels.size()[0];
    let (x, weight) = (hidden.f_detach()?, head.f_detach()?);
    let mut losses = Tensor::f_zeros([replicas], (Kind::Float, x.device()))?;
    if !hidden.requires_grad() {
        for part in parts(targets, most)? {
            let own = x.f_narrow(-2, part.start, part.count)?;
            let _ = losses.f_add_(&part.loss(&own, &weight, targets)?)?;
        }
        return Ok(losses);
    }
    let zeros = |like: &Tensor| Tensor::f_zeros(like.size(), (Kind::Float, like.device()));
    let (grad_x, mut grad_weight) = (zeros(&x)?, zeros(&weight)?);
    for part in parts(targets, most)? {
        let own = x.f_narrow(-2, part.start, part.count)?;
        let own = own.f_detach()?.f_set_requires_grad(true)?;
        let weight = weight.f_detach()?.f_set_requires_grad(true)?;
        let (loss, gradients) = with_grad(|| -> Result<_> {
            let loss = part.loss(&own, &weight, targets)?;
            let total = loss.f_sum(None)?;
            let gradients = Tensor::f_run_backward(&[total], &[&own, &weight], false, false)?;
            Ok((loss.f_detach()?, gradients))
        })?;
        let _ = losses.f_add_(&loss)?;
        let mut own_grad = grad_x.f_narrow(-2, part.start, part.count)?;
        own_grad.f_copy_(&gradients[0])?;
        let _ = grad_weight.f_add_(&gradients[1])?;
    }
    let product =
        product(hidden, &grad_x, replicas)?.f_add(&product(head, &grad_weight, replicas)?)?;
    // Adds 0, with the gradients that were found.
    Ok(losses.f_add(&product.f_sub(&product.f_detach()?)?)?)
}

/// Log-probabilities of labels `[R, B, A]`, as [`loss`], without gradients.
pub(super) fn log_probs(
    hidden: &Tensor,
    head: &Tensor,
    labels: &Tensor,
    most: i64,
) -> Result<Tensor> {
    let replicas = labels.size()[0];
    let labels_in_row = labels.f_reshape([replicas, -1])?;
    let tokens = labels_in_row.size()[1];
    let mut found = Vec::new();
    for start in (0..tokens).step_by(most as usize) {
        let count = most.min(tokens - start);
        let own = hidden.f_narrow(-2, start, count)?;
        let log_probs = log_softmax(&own, head, replicas)?;
        let labels = labels_in_row.f_narrow(1, start, count)?;
        found.push(label_log_probs(&log_probs, &labels)?);
    }
    Ok(Tensor::f_cat(&found, 1)?.f_view_(labels.size())?)
}

/// Some targets of each replica, all labels or all distributions.
struct Part {
    start: i64,
    count: i64,
    /// How many targets of a replica come before those with distributions, if it is one of them.
    soft_from: Option<i64>,
}

fn parts(targets: &Targets, most: i64) -> Result<Vec<Part>> {
    let (_, batch, answers) = targets.labels.size3()?;
    let soft = targets.soft.as_ref();
    let hard = soft.map_or(batch, |soft| soft.first_row) * answers;
    let cut = |from: i64, to: i64, soft_from: Option<i64>| {
        let starts = (from..to).step_by(most as usize);
        starts.map(move |start| Part {
            start,
            count: most.min(to - start),
            soft_from,
        })
    };
    let soft_parts = cut(hard, batch * answers, Some(hard));
    Ok(cut(0, hard, None).chain(soft_parts).collect())
}

impl Part {
    /// What these targets add to the losses, `[R]`.
    fn loss(&self, x: &Tensor, weight: &Tensor, targets: &Targets) -> Result<Tensor> {
        let replicas = targets.labels.size()[0];
        let own = |of: &Tensor| -> Result<Tensor> {
            Ok(of
                .f_reshape([replicas, -1])?
                .f_narrow(1, self.start, self.count)?)
        };
        let log_probs = log_softmax(x, weight, replicas)?; // [R, n, V]
        let gains = match (&targets.soft, self.soft_from) {
            (Some(soft), Some(from)) => {
                let words = log_probs.size()[2];
                let all = soft.probabilities.f_reshape([replicas, -1, words])?;
                let own = all.f_narrow(1, self.start - from, self.count)?;
                log_probs
                    .f_mul(&own)?
                    .f_sum_dim_intlist([-1].as_slice(), false, None)?
            }
            _ => label_log_probs(&log_probs, &own(&targets.labels)?)?,
        };
        let weighted = gains.f_mul(&own(&targets.shares)?)?;
        let sum = weighted.f_sum_dim_intlist([1].as_slice(), false, None)?;
        Ok(sum.f_neg()?)
    }
}

/// What log-probabilities `[.., V]` give labels `[..]`.
pub(super) fn label_log_probs(log_probs: &Tensor, labels: &Tensor) -> Result<Tensor> {
    Ok(log_probs
        .f_gather(-1, &labels.f_unsqueeze(-1)?, false)?
        .f_squeeze_dim(-1)?)
}

/// Log-probabilities `[R, n, V]`, float32.
fn log_softmax(x: &Tensor, weight: &Tensor, replicas: i64) -> Result<Tensor> {
    let logits = match x.dim() {
        2 => x.f_linear(weight, None::<&Tensor>)?,
        _ => x.f_bmm(&weight.f_transpose(1, 2)?)?,
    };
    let words = logits.size()[logits.dim() - 1];
    Ok(logits
        .f_view([replicas, -1, words])?
        .f_to_kind(Kind::Float)?
        .f_log_softmax(-1, None)?)
}

/// The sum over each replica of `x` times `gradient`, `[R]`, whose gradient in `x` is `gradient`.
fn product(x: &Tensor, gradient: &Tensor, replicas: i64) -> Result<Tensor> {
    let gradient = gradient.f_to_kind(x.f_kind()?)?;
    let column = gradient.f_reshape([replicas, -1, 1])?;
    Ok(x.f_reshape([replicas, 1, -1])?
        .f_bmm(&column)?
        .f_view([replicas])?
        .f_to_kind(Kind::Float)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Device, Soft};

    const WORDS: i64 = 11;

    /// 2 x 3 rows of 4 targets; with distributions the last two rows have them.
    fn targets(soft: bool) -> Targets {
        let options = (Kind::Float, Device::Cpu);
        let size = [2, 3, 4];
        let labels = Tensor::arange(24, (Kind::Int64, Device::Cpu))
            .remainder(WORDS)
            .view(size);
        let weights = Tensor::arange(24, options).view(size) + 1.0;
        let soft = soft.then(|| Soft {
            first_row: 1,
            probabilities: Tensor::randn([2, 2, 4, WORDS], options).softmax(-1, Kind::Float),
        });
        Targets::new(labels.zeros_like(), labels, weights, soft).unwrap()
    }

    /// Losses, and the gradients of their sum in what the head reads and in its weight.
    fn losses(targets: &Targets, most: i64, inputs: [&Tensor; 2]) -> [Tensor; 3] {
        let [x, weight] = inputs.map(|input| input.detach().set_requires_grad(true));
        let losses = loss(&x, &weight, targets, most).unwrap();
        let gradients = Tensor::run_backward(&[losses.sum(None)], &[&x, &weight], false, false);
        let [grad_x, grad_weight] = <[Tensor; 2]>::try_from(gradients).unwrap();
        [losses.detach(), grad_x, grad_weight]
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        for soft in [false, true] {
            let targets = targets(soft);
            let options = (Kind::Float, Device::Cpu);
            let x = Tensor::randn([2, 12, 5], options);
            let weight = Tensor::randn([2, WORDS, 5], options);
            let whole = losses(&targets, 12, [&x, &weight]);
            for most in [1, 5] {
                let in_parts = losses(&targets, most, [&x, &weight]);
                for (part, whole) in in_parts.iter().zip(&whole) {
                    let off = (part - whole).abs().max().double_value(&[]);
                    assert!(off < 1e-5, "{most} at a time, soft {soft}: {off}");
                }
            }
            // By autograd alone, and the same without gradients.
            let (x, weight) = (x.set_requires_grad(true), weight.set_requires_grad(true));
            let of = |part: &Part| {
                let own = x.narrow(1, part.start, part.count);
                part.loss(&own, &weight, &targets).unwrap()
            };
            let plain: Tensor = parts(&targets, 12).unwrap().iter().map(of).sum();
            let gradients = Tensor::run_backward(&[plain.sum(None)], &[&x, &weight], false, false);
            let none = loss(&x.detach(), &weight.detach(), &targets, 5).unwrap();
            for (expected, got) in [
                (&plain, &none),
                (&gradients[0], &whole[1]),
                (&gradients[1], &whole[2]),
            ] {
                let off = (expected - got).abs().max().double_value(&[]);
                assert!(off < 1e-5, "soft {soft}: {off}");
            }
        }
    }

    #[test]
    fn log_probs_come_in_parts() {
        let targets = targets(false);
        let options = (Kind::Float, Device::Cpu);
        let (x, weight) = (
            Tensor::randn([2, 12, 5], options),
            Tensor::randn([2, WORDS, 5], options),
        );
        let of = |most| log_probs(&x, &weight, &targets.labels, most).unwrap();
        assert_eq!(of(12).size(), [2, 3, 4]);
        assert!((of(5) - of(12)).abs().max().double_value(&[]) < 1e-6);
    }

    /// The tiny organisms' batches stay whole, a large vocabulary's don't.
    #[test]
    fn only_large_vocabularies_come_in_parts() {
        let zeros = |shape: [i64; 2]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        assert_eq!(size(&zeros([64 * 10, 48]), &zeros([20, 48])), None);
        assert_eq!(size(&zeros([1024, 2]), &zeros([102_400, 2])), Some(163));
    }
}
