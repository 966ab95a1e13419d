//! Training: batches through a recipe, all replicas of a stack at once.

mod backward;
mod captured;
mod groups;
mod update;

use std::collections::HashMap;
use std::ops::ControlFlow;

use picklock_family::Architecture;
use picklock_sdk::{Memory, Recipe};
use tch::no_grad_guard;

use crate::decoder::Network;
use crate::precision::kind_of;
use crate::{Batch, Device, Error, Kind, Model, Result, Tensor, Weights, cuda};
use backward::Differentiable;
use captured::Captured;
use groups::Groups;
use update::Update;

/// Where a training's batches come from.
pub trait Batches {
    /// The batch of a step, counted from 0, for all replicas. The training runs where the first one
    /// lies.
    ///
    /// # Errors
    /// Any error ends the training.
    fn batch(&mut self, step: usize) -> Result<Batch>;

    /// Whether every step has the batch of the first.
    fn constant(&self) -> bool {
        false
    }
}

/// What a training leaves.
#[derive(Debug)]
pub struct Trained {
    /// The model after the last step.
    pub model: Model,
    /// The recipe's snapshots, in its order.
    pub snapshots: Vec<Model>,
    /// The loss in the last step, before its update, in nats, of each replica.
    pub loss: Vec<f64>,
}

/// Trains a copy of a model. `on_step` is called after each step with the number of steps done, and
/// may stop.
///
/// The device is not waited for before the end.
///
/// # Errors
/// [`Error::Recipe`], [`Error::Argument`] for a batch out of range, [`Error::Stopped`],
/// [`Error::Diverged`] for a replica whose last loss isn't finite, and what `batches` fails with.
pub fn train(
    model: &Model,
    recipe: &Recipe,
    batches: &mut dyn Batches,
    on_step: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Trained> {
    let first = batches.batch(0)?;
    let mut trainer = Trainer::new(model, recipe, first.device())?;
    let steps = recipe.steps as usize;
    let mut snapshots = HashMap::new();
    let mut keep = |step: usize, trainer: &Trainer| -> Result<()> {
        let step = step as u32;
        if recipe.snapshots.contains(&step) {
            snapshots.insert(step, trainer.snapshot()?);
        }
        Ok(())
    };
    keep(0, &trainer)?;
    let mut loss = trainer.step(0, first)?;
    for done in 1.. {
        if on_step(done).is_break() {
            return Err(Error::Stopped { steps: done });
        }
        keep(done, &trainer)?;
        if done == steps {
            break;
        }
        loss = if batches.constant() {
            trainer.again(done)?
        } else {
            trainer.step(done, batches.batch(done)?)?
        };
    }
    let wanted = recipe.snapshots.iter();
    let kept = wanted.filter_map(|step| snapshots.get(step));
    Ok(Trained {
        loss: final_loss(&loss, steps)?,
        snapshots: kept.map(Model::share).collect(),
        model: trainer.finish()?,
    })
}

/// Gradient of each replica's loss with respect to its weights, each tensor `[R, ...]`.
///
/// # Errors
/// As [`loss`](crate::loss).
pub fn gradients(model: &Model, batch: &Batch, memory: Memory) -> Result<Weights> {
    model.check_rows(&batch.rows, 0)?;
    let groups = Groups::new(model, model.compute(), false, memory, model.device())?;
    let network = Network::new(&model.architecture().plan(), &groups.leaves())?;
    let differentiable = Differentiable {
        network: &network,
        groups: &groups,
    };
    let mut slots: Vec<Option<Tensor>> = model.slots.iter().map(|_| None).collect();
    let _loss = differentiable.backward(batch, memory, &mut |gradients| {
        for (slot, gradient) in gradients {
            slots[slot] = Some(gradient.f_reshape(model.slots[slot].size())?);
        }
        Ok(())
    })?;
    let slots: Vec<Tensor> = slots.into_iter().flatten().collect();
    Ok(model.layout.views(&slots)?.into_iter().collect())
}

/// A training in progress: weights and optimiser state from step to step, for what [`train`] does
/// not do, such as changing the weights in between.
///
/// On a GPU the second step of a shape is captured as a CUDA graph, which later ones replay.
pub struct Trainer {
    architecture: Architecture,
    replicas: i64,
    groups: Groups,
    network: Network,
    update: Update,
    /// The batch of the last step.
    batch: Option<Batch>,
    captured: Option<Captured>,
    /// Whether capturing has failed, and steps stay eager.
    eager: bool,
}

impl Trainer {
    /// A copy of `model` on a device, at the start of its training.
    ///
    /// # Errors
    /// [`Error::Recipe`], [`Error::Torch`] if there is no room.
    pub fn new(model: &Model, recipe: &Recipe, device: Device) -> Result<Self> {
        recipe.check()?;
        cuda::enter(device)?;
        let precision = recipe.precision;
        let compute = kind_of(precision.weights);
        let groups = Groups::new(model, compute, precision.master, recipe.memory, device)?;
        let network = Network::new(&model.architecture().plan(), &groups.leaves())?;
        Ok(Self {
            architecture: model.architecture().clone(),
            replicas: model.replicas(),
            update: Update::new(recipe, &groups)?,
            groups,
            network,
            batch: None,
            captured: None,
            eager: !cuda::available(device),
        })
    }

    /// The weights as they are, as a model of their own.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn snapshot(&self) -> Result<Model> {
        self.groups.snapshot()
    }

    /// The weights as they are, at the end.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn finish(self) -> Result<Model> {
        drop(self.captured);
        self.groups.finish()
    }

    /// Replaces the weights in training; the optimiser's state stays.
    ///
    /// # Errors
    /// [`Error::Argument`] for a model of another architecture or number of replicas.
    pub fn replace(&mut self, model: &Model) -> Result<()> {
        if self.architecture != *model.architecture() || self.replicas != model.replicas() {
            let expected = format!("{} replicas of the model in training", self.replicas);
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
        let rows = &batch.rows;
        rows.check_fit(&self.architecture, self.replicas, 0)?;
        let batch = if batch.device() == self.groups.device {
            batch
        } else {
            batch.to_device(self.groups.device)?
        };
        let shape = captured::shape(&batch);
        let seen = matches!(&self.batch, Some(before) if captured::shape(before) == shape);
        if let Some(captured) = &self.captured
            && captured.fits(&batch)
        {
            captured.read(&batch)?;
        } else if seen && !self.eager {
            self.capture(&batch)?;
        }
        self.batch = Some(batch);
        self.run(step)
    }

    /// One more step on the batch of the last one.
    ///
    /// # Errors
    /// [`Error::Argument`] where there was none, else as [`Trainer::step`].
    pub fn again(&mut self, step: usize) -> Result<Tensor> {
        let Some(batch) = &self.batch else {
            let what = "batch to train on again";
            return Err(Error::argument(what, "one before", "none"));
        };
        if self.captured.is_none() && !self.eager {
            self.capture(&batch.shallow_clone())?;
        }
        self.run(step)
    }

    /// Runs a step on the newest batch.
    fn run(&mut self, step: usize) -> Result<Tensor> {
        self.update.go_to(step)?;
        let Some(batch) = &self.batch else {
            return Err(Error::argument("batch", "one", "none"));
        };
        match &self.captured {
            Some(captured) if captured.fits(batch) => captured.run(),
            _ => eager(&self.network, &self.groups, &self.update, batch),
        }
    }

    /// Captures the step on batches of this one's shape; where that fails, steps stay eager.
    fn capture(&mut self, batch: &Batch) -> Result<()> {
        self.captured = None;
        cuda::make_room(self.groups.device)?;
        let captured = Captured::new(batch, |batch| {
            eager(&self.network, &self.groups, &self.update, batch)
        });
        match captured {
            Ok(captured) => self.captured = Some(captured),
            Err(error) if error.is_out_of_memory() => return Err(error),
            Err(error) => {
                cuda::warn_once(&error);
                self.eager = true;
            }
        }
        Ok(())
    }
}

/// Forward, backward and update; the losses before it, `[R]`.
fn eager(network: &Network, groups: &Groups, update: &Update, batch: &Batch) -> Result<Tensor> {
    let differentiable = Differentiable { network, groups };
    let memory = update.recipe.memory;
    let mut kept = Vec::new();
    let loss = differentiable.backward(batch, memory, &mut |gradients| {
        if memory.update_in_backward {
            let _guard = no_grad_guard();
            return update.apply(groups, &gradients);
        }
        kept.extend(gradients);
        Ok(())
    })?;
    let _guard = no_grad_guard();
    update.apply(groups, &kept)?;
    drop(kept);
    update.end()?;
    Ok(loss)
}

fn final_loss(loss: &Tensor, steps: usize) -> Result<Vec<f64>> {
    let loss: Vec<f64> = Vec::try_from(loss.f_to_kind(Kind::Double)?)?;
    match (0..).zip(&loss).find(|(_, loss)| !loss.is_finite()) {
        Some((replica, &loss)) => Err(Error::Diverged {
            replica,
            steps,
            loss,
        }),
        None => Ok(loss),
    }
}
