//! What a model says of given rows: logits, probabilities, losses.

mod parts;

use tch::no_grad_guard;

use crate::decoder::Network;
use crate::network::Pass;
use crate::{Batch, Error, Model, Result, Rows, Targets, Tensor, cuda};
use parts::label_log_probs;

/// Logits everywhere, `[R, B, T, V]`. Where `rows.mask` is false they mean nothing.
///
/// # Errors
/// [`Error::Argument`] for rows of other replicas, too long, or with unknown ids.
pub fn logits(model: &Model, rows: &Rows) -> Result<Tensor> {
    forward(model, rows, None)
}

/// Logits at positions `[R, B, A]`, `[R, B, A, V]`.
///
/// # Errors
/// As [`logits`], and for a position outside the rows.
pub fn logits_at(model: &Model, rows: &Rows, positions: &Tensor) -> Result<Tensor> {
    forward(model, rows, Some(positions))
}

/// Loss of each replica, `[R]`, in nats: the weighted sum over the sum of weights, of the
/// cross-entropy against each label or, in soft rows, distribution.
///
/// # Errors
/// As [`logits_at`].
pub fn loss(model: &Model, batch: &Batch) -> Result<Tensor> {
    let _guard = no_grad_guard();
    model.check_rows(&batch.rows, 0)?;
    network_loss(&model.network()?, batch)
}

/// Log-probability of each label, `[R, B, A]`, in nats; weights and soft labels play no part.
///
/// # Errors
/// As [`logits_at`].
pub fn token_log_probs(model: &Model, batch: &Batch) -> Result<Tensor> {
    let _guard = no_grad_guard();
    model.check_rows(&batch.rows, 0)?;
    let network = model.network()?;
    let pass = pass_of(&network, batch)?;
    let hidden = network.hidden(&pass, None)?;
    let labels = &batch.targets.labels;
    if cuda::available(model.device()) {
        let flat = labels.f_reshape([-1])?;
        let log_probs = cuda::linear_log_probs(&hidden, network.head(), &flat)?;
        return Ok(log_probs.f_view_(labels.size())?);
    }
    if let Some(most) = parts::size(&hidden, network.head()) {
        return parts::log_probs(&hidden, network.head(), labels, most);
    }
    let log_probs = network.logits(&pass, &hidden)?.f_log_softmax(-1, None)?;
    label_log_probs(&log_probs, labels)
}

/// Next-token distributions at positions `[R, B, A]`, `[R, B, A, V]`, of logits over
/// `temperature` (above 0).
///
/// # Errors
/// As [`logits_at`], and [`Error::Argument`] for another temperature.
pub fn distributions(
    model: &Model,
    rows: &Rows,
    positions: &Tensor,
    temperature: f64,
) -> Result<Tensor> {
    if !(temperature > 0.0 && temperature.is_finite()) {
        let expected = "a number above 0";
        return Err(Error::argument("temperature", expected, temperature));
    }
    let _guard = no_grad_guard();
    Ok(logits_at(model, rows, positions)?
        .f_div_scalar(temperature)?
        .f_softmax(-1, None)?)
}

fn forward(model: &Model, rows: &Rows, at: Option<&Tensor>) -> Result<Tensor> {
    let _guard = no_grad_guard();
    model.check_rows(rows, 0)?;
    model.network()?.forward(rows, at)
}

/// The pass that a batch needs: to the positions that have targets.
pub(crate) fn pass_of<'a>(network: &Network, batch: &'a Batch) -> Result<Pass<'a>> {
    let at = Some(&batch.targets.positions);
    Pass::rows(&batch.rows, at, network.layers())
}

/// Loss of each replica, `[R]`, with gradients where the network's leaves have them.
pub(crate) fn network_loss(network: &Network, batch: &Batch) -> Result<Tensor> {
    let pass = pass_of(network, batch)?;
    head_loss(network, &pass, &network.hidden(&pass, None)?, batch)
}

/// Loss of each replica, `[R]`, of what the head reads at the targets' positions, flat. On a GPU, and
/// on a CPU where there are many logits, the gradients are right only where losses are summed up, as
/// they are made along with them.
pub(crate) fn head_loss(
    network: &Network,
    pass: &Pass,
    hidden: &Tensor,
    batch: &Batch,
) -> Result<Tensor> {
    let targets = &batch.targets;
    if cuda::available(hidden.device()) {
        return cuda::linear_cross_entropy(hidden, network.head(), targets);
    }
    if let Some(most) = parts::size(hidden, network.head()) {
        return parts::loss(hidden, network.head(), targets, most);
    }
    let log_probs = network.logits(pass, hidden)?.f_log_softmax(-1, None)?; // [R, B, A, V]
    let gains = gains(&log_probs, targets)?; // [R, B, A]
    let weighted = gains.f_mul(&targets.shares)?;
    Ok(weighted
        .f_sum_dim_intlist([1, 2].as_slice(), false, None)?
        .f_neg()?)
}

/// Minus the cross-entropies, `[R, B, A]`.
fn gains(log_probs: &Tensor, targets: &Targets) -> Result<Tensor> {
    let Some(soft) = &targets.soft else {
        return label_log_probs(log_probs, &targets.labels);
    };
    let (first, rows) = (soft.first_row, log_probs.size()[1]);
    let soft_gains = log_probs
        .f_narrow(1, first, rows - first)?
        .f_mul(&soft.probabilities)?
        .f_sum_dim_intlist([-1].as_slice(), false, None)?;
    if first == 0 {
        return Ok(soft_gains);
    }
    let labels = targets.labels.f_narrow(1, 0, first)?;
    let hard_gains = label_log_probs(&log_probs.f_narrow(1, 0, first)?, &labels)?;
    Ok(Tensor::f_cat(&[hard_gains, soft_gains], 1)?)
}
