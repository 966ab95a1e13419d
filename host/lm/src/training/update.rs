//! The optimiser's part of a step, on a CPU call by call, on a GPU in one pass over the weights.

use super::backward::Gradient;
use super::groups::Groups;
use crate::{Error, Kind, Recipe, Result, Tensor, cuda};

/// Where a training is in its recipe.
pub(super) struct Update {
    recipe: Recipe,
    step: usize,
    /// On a GPU, where captured steps read it.
    timetable: Option<Timetable>,
}

/// What each step needs, on the device: a graph can be told nothing.
struct Timetable {
    /// `[steps, 3]`, float32: see [`Optimizer::factors`](crate::Optimizer).
    factors: Tensor,
    /// The step that comes next, `[1]`, int64.
    counter: Tensor,
    /// The same on this side.
    next: usize,
}

impl Update {
    pub(super) fn new(recipe: &Recipe, groups: &Groups) -> Result<Self> {
        let device = groups.device();
        let timetable = cuda::available(device).then(|| {
            let factors = (0..recipe.steps.max(1)).flat_map(|step| factors(recipe, step));
            let factors: Vec<f32> = factors.map(|factor| factor as f32).collect();
            let factors = Tensor::f_from_slice(&factors)?.f_view_([-1, 3])?;
            Ok::<_, Error>(Timetable {
                factors: factors.f_to_device(device)?,
                counter: Tensor::f_zeros([1], (Kind::Int64, device))?,
                next: 0,
            })
        });
        Ok(Self {
            recipe: *recipe,
            step: 0,
            timetable: timetable.transpose()?,
        })
    }

    /// Makes a step the one that comes next.
    pub(super) fn go_to(&mut self, step: usize) -> Result<()> {
        self.step = step;
        let Some(timetable) = &mut self.timetable else {
            return Ok(());
        };
        if step >= self.recipe.steps {
            let expected = format!("below {}", self.recipe.steps);
            return Err(Error::argument("step", expected, step));
        }
        if step != timetable.next {
            let _ = timetable.counter.f_fill_(step as i64)?;
        }
        timetable.next = step + 1;
        Ok(())
    }

    /// Updates the groups whose gradients these are.
    pub(super) fn apply(&self, groups: &Groups, gradients: &[Gradient]) -> Result<()> {
        let mut gathered = groups.gather(gradients)?;
        if gathered.is_empty() {
            return Ok(());
        }
        let optimizer = &self.recipe.optimizer;
        if let Some(timetable) = &self.timetable {
            let of = |&(group, ref gradient): &(usize, Tensor)| {
                let group = &groups.list[group];
                cuda::Updated {
                    values: group.values.shallow_clone(),
                    master: group.master.as_ref().map(Tensor::shallow_clone),
                    gradient: gradient.shallow_clone(),
                    mean: group.state.mean.shallow_clone(),
                    square: group.state.square.as_ref().map(Tensor::shallow_clone),
                }
            };
            let tensors: Vec<cuda::Updated> = gathered.iter().map(of).collect();
            let (factors, counter) = (&timetable.factors, &timetable.counter);
            return cuda::step(optimizer, self.recipe.clip_norm, &tensors, factors, counter);
        }
        if let Some(norm) = self.recipe.clip_norm {
            clip(&mut gathered, norm)?;
        }
        let factors = factors(&self.recipe, self.step);
        for (group, gradient) in &gathered {
            let group = &groups.list[*group];
            optimizer.step(
                &group.state,
                &group.values,
                group.master.as_ref(),
                gradient,
                factors,
            )?;
        }
        Ok(())
    }

    /// To be called when all groups have been updated.
    pub(super) fn end(&self) -> Result<()> {
        match &self.timetable {
            Some(timetable) => cuda::advance(&timetable.counter),
            None => Ok(()),
        }
    }
}

/// See [`Optimizer::factors`](crate::Optimizer); `step` counts from 0.
fn factors(recipe: &Recipe, step: usize) -> [f64; 3] {
    recipe.optimizer.factors(step + 1, recipe.rate(step))
}

/// Scales each replica's gradients, `[R, n]` each, so that their norm over all is at most `norm`.
fn clip(gradients: &mut [Gradient], norm: f64) -> Result<()> {
    let norms: Vec<Tensor> = gradients
        .iter()
        .map(|(_, gradient)| {
            gradient.f_norm_scalaropt_dim_dtype(2, [1].as_slice(), true, Kind::Float)
        })
        .collect::<std::result::Result<_, _>>()?;
    let total = match &norms[..] {
        [single] => single.shallow_clone(),
        several => Tensor::f_cat(several, 1)?.f_norm_scalaropt_dim(2, [1].as_slice(), true)?,
    };
    let factor = total
        .f_clamp_min(norm)?
        .f_reciprocal()?
        .f_mul_scalar(norm)?; // [R, 1]
    for (_, gradient) in gradients {
        let _ = gradient.f_mul_(&factor)?;
    }
    Ok(())
}
