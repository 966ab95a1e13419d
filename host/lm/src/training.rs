//! Training: batches through a recipe, all replicas of a stack at once.

mod backward;
mod captured;
mod groups;
mod update;

use std::ops::ControlFlow;

use tch::no_grad_guard;

use crate::architecture::Network;
use crate::{Batch, Device, Error, Kind, Model, Recipe, Result, Tensor, Weights, cuda};
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
    let mut next = match recipe.steps {
        0 => None,
        _ => Some(batches.batch(0)?),
    };
    let device = next.as_ref().map_or(model.device(), Batch::device);
    let mut trainer = Trainer::new(model, recipe, device)?;
    let mut taken = Vec::new();
    let mut loss = None;
    for step in 0..=recipe.steps {
        if snapshots.contains(&step) {
            taken.push((step, trainer.snapshot()?));
        }
        if step == recipe.steps {
            break;
        }
        loss = Some(match next.take() {
            Some(batch) => trainer.step(step, batch)?,
            None if batches.constant() => trainer.again(step)?,
            None => trainer.step(step, batches.batch(step)?)?,
        });
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
        model: trainer.finish()?,
        snapshots,
        loss,
    })
}

/// Gradient of each replica's loss with respect to its weights, each tensor `[R, ...]`.
///
/// # Errors
/// As [`loss`](crate::loss).
pub fn gradients(model: &Model, batch: &Batch, memory: crate::Memory) -> Result<Weights> {
    model.check_rows(&batch.rows, 0)?;
    let recipe = Recipe::for_gradients(model.compute(), memory);
    let groups = Groups::new(model, &recipe, model.device())?;
    let network = model.architecture().network(&groups.leaves())?;
    let differentiable = Differentiable {
        network: &network,
        groups: &groups,
    };
    let mut slots: Vec<Option<Tensor>> = model.slots().iter().map(|_| None).collect();
    let _loss = differentiable.backward(batch, memory, &mut |gradients| {
        for (slot, gradient) in gradients {
            slots[slot] = Some(gradient.f_reshape(model.slots()[slot].size())?);
        }
        Ok(())
    })?;
    let slots: Vec<Tensor> = slots.into_iter().flatten().collect();
    Ok(model.layout().views(&slots)?.into_iter().collect())
}

/// A training in hand: weights and optimiser state that go on from step to step, for what
/// [`train`] does not do, such as changing the weights on the way.
///
/// On a GPU the second step of a shape is captured as a CUDA graph, which later ones replay.
pub struct Trainer<'a> {
    recipe: &'a Recipe,
    like: Shape,
    groups: Groups,
    network: Network,
    update: Update,
    /// The batch of the last step.
    batch: Option<Batch>,
    captured: Option<Captured>,
    /// Whether capturing has failed, and steps stay eager.
    eager: bool,
}

/// What a batch must fit, without the numbers.
struct Shape {
    architecture: crate::Architecture,
    replicas: i64,
}

impl<'a> Trainer<'a> {
    /// A copy of `model` on a device, at the start of its training.
    ///
    /// # Errors
    /// [`Error::Argument`] for a recipe out of range, [`Error::Torch`] if there is no room.
    pub fn new(model: &Model, recipe: &'a Recipe, device: Device) -> Result<Self> {
        recipe.check()?;
        cuda::enter(device)?;
        let groups = Groups::new(model, recipe, device)?;
        let network = model.architecture().network(&groups.leaves())?;
        Ok(Self {
            recipe,
            like: Shape {
                architecture: model.architecture().clone(),
                replicas: model.replicas(),
            },
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

    /// Puts other weights in the place of those in training; the optimiser's state stays.
    ///
    /// # Errors
    /// [`Error::Argument`] for a model of another architecture or number of replicas.
    pub fn replace(&mut self, model: &Model) -> Result<()> {
        let Shape {
            architecture,
            replicas,
        } = &self.like;
        if architecture != model.architecture() || *replicas != model.replicas() {
            let expected = format!("{replicas} replicas of the model in training");
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
        batch
            .rows
            .check_fit(&self.like.architecture, self.like.replicas, 0)?;
        let batch = match batch.device() == self.groups.device() {
            true => batch,
            false => batch.to_device(self.groups.device())?,
        };
        let seen = self.batch.as_ref();
        let seen = seen.is_some_and(|before| captured::shape(before) == captured::shape(&batch));
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
            return Err(Error::argument(
                "batch to train on again",
                "one before",
                "none",
            ));
        };
        if self.captured.is_none() && !self.eager {
            self.capture(&batch.shallow_clone())?;
        }
        self.run(step)
    }

    /// Runs a step on the batch at hand.
    fn run(&mut self, step: usize) -> Result<Tensor> {
        self.update.go_to(step)?;
        let Some(batch) = &self.batch else {
            return Err(Error::argument("batch", "one", "none"));
        };
        match &self.captured {
            Some(captured) if captured.fits(batch) => captured.run(),
            _ => eager(
                &self.network,
                &self.groups,
                &self.update,
                self.recipe,
                batch,
            ),
        }
    }

    /// Captures the step on batches of this one's shape; where that fails, steps stay eager.
    fn capture(&mut self, batch: &Batch) -> Result<()> {
        self.captured = None;
        cuda::make_room(self.groups.device())?;
        let captured = Captured::new(batch, |batch| {
            eager(
                &self.network,
                &self.groups,
                &self.update,
                self.recipe,
                batch,
            )
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
fn eager(
    network: &Network,
    groups: &Groups,
    update: &Update,
    recipe: &Recipe,
    batch: &Batch,
) -> Result<Tensor> {
    let differentiable = Differentiable { network, groups };
    let mut kept = Vec::new();
    let loss = differentiable.backward(batch, recipe.memory, &mut |gradients| {
        if recipe.memory.update_in_backward {
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

fn final_loss(loss: Option<Tensor>, steps: usize) -> Result<Vec<f64>> {
    let Some(loss) = loss else {
        return Ok(Vec::new());
    };
    let loss: Vec<f64> = Vec::try_from(loss.f_to_kind(Kind::Double)?)?;
    match loss.iter().position(|loss| !loss.is_finite()) {
        Some(replica) => Err(Error::Diverged {
            replica,
            steps,
            loss: loss[replica],
        }),
        None => Ok(loss),
    }
}
