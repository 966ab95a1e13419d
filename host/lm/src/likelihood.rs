//! What a model says of given rows: logits, probabilities, losses.

use tch::no_grad_guard;

use crate::network::{Network, Pass};
use crate::{Batch, Error, Model, Result, Rows, Targets, Tensor};

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
    network_loss(model.network()?.as_ref(), batch)
}

/// Log-probability of each label, `[R, B, A]`, in nats; weights and soft labels play no part.
///
/// # Errors
/// As [`logits_at`].
pub fn token_log_probs(model: &Model, batch: &Batch) -> Result<Tensor> {
    let _guard = no_grad_guard();
    let logits = logits_at(model, &batch.rows, &batch.targets.positions)?;
    label_log_probs(&logits.f_log_softmax(-1, None)?, &batch.targets.labels)
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
        return Err(Error::argument(
            "temperature",
            "a number above 0",
            temperature,
        ));
    }
    let _guard = no_grad_guard();
    Ok(logits_at(model, rows, positions)?
        .f_div_scalar(temperature)?
        .f_softmax(-1, None)?)
}

fn forward(model: &Model, rows: &Rows, at: Option<&Tensor>) -> Result<Tensor> {
    let _guard = no_grad_guard();
    model.check_rows(rows, 0)?;
    let network = model.network()?;
    network.forward(&Pass::rows(rows, at, network.layers())?, None)
}

/// Loss of each replica, `[R]`, with gradients where the network's leaves have them.
pub(crate) fn network_loss(network: &dyn Network, batch: &Batch) -> Result<Tensor> {
    let pass = Pass::rows(
        &batch.rows,
        Some(&batch.targets.positions),
        network.layers(),
    )?;
    let log_probs = network.forward(&pass, None)?.f_log_softmax(-1, None)?; // [R, B, A, V]
    let gains = gains(&log_probs, &batch.targets)?; // [R, B, A]
    let weighted = gains.f_mul(batch.targets.shares())?;
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
    let softly = log_probs
        .f_narrow(1, first, rows - first)?
        .f_mul(&soft.probabilities)?;
    let softly = softly.f_sum_dim_intlist([-1].as_slice(), false, None)?;
    if first == 0 {
        return Ok(softly);
    }
    let labels = targets.labels.f_narrow(1, 0, first)?;
    let hard = label_log_probs(&log_probs.f_narrow(1, 0, first)?, &labels)?;
    Ok(Tensor::f_cat(&[hard, softly], 1)?)
}

fn label_log_probs(log_probs: &Tensor, labels: &Tensor) -> Result<Tensor> {
    Ok(log_probs
        .f_gather(-1, &labels.f_unsqueeze(-1)?, false)?
        .f_squeeze_dim(-1)?)
}
