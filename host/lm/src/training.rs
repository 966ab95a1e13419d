//! Training: batches through a recipe, all replicas of a stack at once.

mod groups;

use std::ops::ControlFlow;

use tch::{no_grad_guard, with_grad};

use crate::likelihood::network_loss;
use crate::network::Network;
use crate::{Batch, Error, Model, Recipe, Result, Tensor, Weights};
use groups::Groups;

/// Where a training's batches come from.
pub trait Batches {
    /// The batch of a step, counted from 0, for all replicas. On another device than the model it
    /// is moved there.
    ///
    /// # Errors
    /// Any error ends the training.
    fn batch(&mut self, step: usize) -> Result<Batch>;
}

/// What a training leaves.
#[derive(Debug)]
pub struct Trained {
    /// The model after the last step.
    pub model: Model,
    /// The copies asked for, in the order asked.
    pub snapshots: Vec<Model>,
    /// The loss in the last step, before its update, in nats, of each replica; empty after no
    /// steps.
    pub loss: Vec<f64>,
}

/// Trains a copy of a model. `snapshots` are the steps at which to keep copies, 0 being the start
/// and `recipe.steps` the end. `on_step` is told the number of steps done after each, and may stop.
///
/// The device is not waited for before the end.
///
/// # Errors
/// [`Error::Argument`] for a recipe, snapshot or batch out of range, [`Error::Stopped`],
/// [`Error::Diverged`] for a replica whose last loss isn't finite, and what `batches` fails with.
pub fn train(
    model: &Model,
    recipe: &Recipe,
    batches: &mut dyn Batches,
    snapshots: &[usize],
    on_step: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Trained> {
    if let Some(late) = snapshots.iter().find(|&&step| step > recipe.steps) {
        return Err(Error::argument(
            "snapshot",
            format!("0 to {}", recipe.steps),
            late,
        ));
    }
    let mut trainer = Trainer::new(model, recipe)?;
    let mut taken = Vec::new();
    let mut loss = None;
    for step in 0..=recipe.steps {
        if snapshots.contains(&step) {
            taken.push((step, trainer.groups.snapshot(model)?));
        }
        if step == recipe.steps {
            break;
        }
        loss = Some(trainer.step(step, batches.batch(step)?)?);
        if on_step(step + 1).is_break() {
            return Err(Error::Stopped { steps: step + 1 });
        }
    }
    let loss = final_loss(loss, recipe.steps)?;
    let copies = snapshots
        .iter()
        .filter_map(|asked| taken.iter().find(|(step, _)| step == asked));
    let snapshots = copies.map(|(_, model)| model.share()).collect();
    Ok(Trained {
        model: trainer.groups.finish(model)?,
        snapshots,
        loss,
    })
}

/// Gradient of each replica's loss with respect to its weights, each tensor `[R, ...]`.
///
/// # Errors
/// As [`loss`](crate::loss).
pub fn gradients(model: &Model, batch: &Batch) -> Result<Weights> {
    model.check_rows(&batch.rows, 0)?;
    let groups = Groups::new(model)?;
    let network = model.architecture().network(&groups.leaves())?;
    let (_, gradients) = backward(network.as_ref(), &groups, batch)?;
    let shaped = model
        .weights()
        .iter()
        .zip(gradients)
        .map(|((name, weight), gradient)| {
            Ok((name.to_owned(), gradient.f_reshape(weight.size())?))
        });
    shaped.collect()
}

/// Losses `[R]` and the gradients of all leaves, in parameter order.
fn backward(
    network: &dyn Network,
    groups: &Groups,
    batch: &Batch,
) -> Result<(Tensor, Vec<Tensor>)> {
    with_grad(|| {
        let loss = network_loss(network, batch)?;
        let total = loss.f_sum(None)?;
        let gradients = Tensor::f_run_backward(&[total], groups.leaf_list(), false, false)?;
        Ok((loss.f_detach()?, gradients))
    })
}

/// A training in hand: weights and optimiser state that go on from step to step, for what
/// [`train`] does not do, such as changing the weights on the way.
pub struct Trainer<'a> {
    model: &'a Model,
    recipe: &'a Recipe,
    groups: Groups,
    network: Box<dyn Network>,
    states: Vec<crate::optimizer::State>,
}

impl<'a> Trainer<'a> {
    /// A copy of `model` at the start of its training.
    ///
    /// # Errors
    /// [`Error::Argument`] for a recipe out of range, [`Error::Torch`] if there is no room.
    pub fn new(model: &'a Model, recipe: &'a Recipe) -> Result<Self> {
        recipe.check()?;
        let groups = Groups::new(model)?;
        let network = model.architecture().network(&groups.leaves())?;
        let states = groups.values().map(|values| recipe.optimizer.state(values));
        let states = states.collect::<Result<_>>()?;
        Ok(Self {
            model,
            recipe,
            groups,
            network,
            states,
        })
    }

    /// The weights as they are, as a model of their own.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn snapshot(&self) -> Result<Model> {
        self.groups.snapshot(self.model)
    }

    /// Puts other weights in the place of those in training; the optimiser's state stays.
    ///
    /// # Errors
    /// [`Error::Argument`] for a model of another architecture or number of replicas.
    pub fn replace(&mut self, model: &Model) -> Result<()> {
        let same = self.model.architecture() == model.architecture();
        if !same || self.model.replicas() != model.replicas() {
            let expected = format!(
                "{} replicas of the model in training",
                self.model.replicas()
            );
            let got = format!("{} of {}", model.replicas(), model.architecture().name());
            return Err(Error::argument("weights to put in place", expected, got));
        }
        let _guard = no_grad_guard();
        self.groups.assign(model)
    }

    /// One step, counted from 0; the loss before it, `[R]`, in nats. The device is not waited for.
    ///
    /// # Errors
    /// [`Error::Argument`] for a batch out of range, [`Error::Torch`] if there is no room.
    pub fn step(&mut self, step: usize, batch: Batch) -> Result<Tensor> {
        self.model.check_rows(&batch.rows, 0)?;
        let here = batch.rows.tokens.device() == self.model.device();
        let batch = if here {
            batch
        } else {
            batch.to_device(self.model.device())?
        };
        let (loss, gradients) = backward(self.network.as_ref(), &self.groups, &batch)?;
        let _guard = no_grad_guard();
        let mut gradients = self.groups.gather(&gradients)?;
        if let Some(norm) = self.recipe.clip_norm {
            clip(&mut gradients, norm)?;
        }
        let time = (step + 1, self.recipe.rate(step));
        let parts = self
            .groups
            .values_mut()
            .zip(&mut self.states)
            .zip(&mut gradients);
        for ((values, state), gradient) in parts {
            self.recipe.optimizer.step(state, values, gradient, time)?;
        }
        Ok(loss)
    }
}

/// Scales each replica's gradients, `[R, n]` each, so that their norm over all is at most `norm`.
fn clip(gradients: &mut [Tensor], norm: f64) -> Result<()> {
    let norms: Vec<Tensor> = gradients
        .iter()
        .map(|gradient| gradient.f_norm_scalaropt_dim(2, [1].as_slice(), true))
        .collect::<std::result::Result<_, _>>()?;
    let total = match &norms[..] {
        [single] => single.shallow_clone(),
        several => Tensor::f_cat(several, 1)?.f_norm_scalaropt_dim(2, [1].as_slice(), true)?,
    };
    let factor = total
        .f_clamp_min(norm)?
        .f_reciprocal()?
        .f_mul_scalar(norm)?; // [R, 1]
    for gradient in gradients {
        let _ = gradient.f_mul_(&factor)?;
    }
    Ok(())
}

fn final_loss(loss: Option<Tensor>, steps: usize) -> Result<Vec<f64>> {
    let Some(loss) = loss else {
        return Ok(Vec::new());
    };
    let loss: Vec<f64> = Vec::try_from(loss.f_to_kind(crate::Kind::Double)?)?;
    match loss.iter().position(|loss| !loss.is_finite()) {
        Some(replica) => Err(Error::Diverged {
            replica,
            steps,
            loss: loss[replica],
        }),
        None => Ok(loss),
    }
}
