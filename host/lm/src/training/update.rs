//! The optimiser's part of a step, on a CPU call by call, on a GPU in one pass over the weights.

use picklock_sdk::Recipe;

use super::backward::Gradient;
use super::groups::Groups;
use crate::optimizer::{State, factors, step};
use crate::precision::kind_of;
use crate::{Error, Kind, Result, Tensor, cuda};

/// The optimiser's state and its step of the recipe.
pub(super) struct Update {
    pub(super) recipe: Recipe,
    /// Of each group.
    states: Vec<State>,
    step: usize,
    /// On a GPU, where captured steps read it.
    timetable: Option<Timetable>,
}

/// What each step needs, on the device: a captured graph takes no arguments.
struct Timetable {
    /// `[steps, 3]`, float32: see [`factors`].
    factors: Tensor,
    /// The step that comes next, `[1]`, int64.
    counter: Tensor,
    /// The same on this side.
    next: usize,
}

impl Update {
    pub(super) fn new(recipe: &Recipe, groups: &Groups) -> Result<Self> {
        let device = groups.device;
        let timetable = cuda::available(device).then(|| {
            let rows = (0..recipe.steps as usize).flat_map(|step| factors(recipe, step));
            let rows: Vec<f32> = rows.map(|factor| factor as f32).collect();
            let table = Tensor::f_from_slice(&rows)?.f_view_([-1, 3])?;
            Ok::<_, Error>(Timetable {
                factors: table.f_to_device(device)?,
                counter: Tensor::f_zeros([1], (Kind::Int64, device))?,
                next: 0,
            })
        });
        let kind = kind_of(recipe.precision.states);
        let list = groups.list.iter();
        let states = list.map(|group| State::new(&recipe.optimizer, &group.values, kind));
        Ok(Self {
            states: states.collect::<Result<_>>()?,
            recipe: recipe.clone(),
            step: 0,
            timetable: timetable.transpose()?,
        })
    }

    /// Makes a step the one that comes next.
    pub(super) fn go_to(&mut self, step: usize) -> Result<()> {
        if step >= self.recipe.steps as usize {
            let expected = format!("below {}", self.recipe.steps);
            return Err(Error::argument("step", expected, step));
        }
        self.step = step;
        let Some(timetable) = &mut self.timetable else {
            return Ok(());
        };
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
        let clip_norm = self.recipe.clip_norm.into_option();
        if let Some(timetable) = &self.timetable {
            let tensors = gathered.iter().map(|&(index, ref gradient)| {
                let (group, state) = (&groups.list[index], &self.states[index]);
                Ok(cuda::Updated {
                    values: &group.values,
                    master: group.master.as_ref(),
                    gradient: gradient.f_contiguous()?,
                    mean: &state.mean,
                    square: state.square.as_ref(),
                })
            });
            let updated = tensors.collect::<Result<Vec<_>>>()?;
            let (factors, counter) = (&timetable.factors, &timetable.counter);
            return cuda::step(optimizer, clip_norm, &updated, factors, counter);
        }
        if let Some(norm) = clip_norm {
            clip(&mut gathered, norm)?;
        }
        let factors = factors(&self.recipe, self.step);
        for &(index, ref gradient) in &gathered {
            let group = &groups.list[index];
            let weights = (&group.values, group.master.as_ref());
            step(optimizer, &self.states[index], weights, gradient, factors)?;
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

/// Scales each replica's gradients, `[R, n]` each, so that their norm over all is at most `norm`.
fn clip(gradients: &mut [Gradient], norm: f64) -> Result<()> {
    let each = gradients.iter().map(|(_, gradient)| {
        Ok(gradient.f_norm_scalaropt_dim_dtype(2, [1].as_slice(), true, Kind::Float)?)
    });
    let norms: Vec<Tensor> = each.collect::<Result<_>>()?;
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Norms of 5 and 0.5 over both tensors, cut to 1: the larger is scaled, the smaller left as it is.
    #[test]
    fn each_replica_is_clipped_by_its_own_norm() {
        let gradient = |numbers: &[f32]| Tensor::from_slice(numbers).view([2, -1]);
        let mut gradients = [
            (0, gradient(&[3.0, 0.0, 0.3, 0.0])),
            (1, gradient(&[4.0, 0.4])),
        ];
        clip(&mut gradients, 1.0).unwrap();
        let numbers = |index: usize| Vec::<f32>::try_from(gradients[index].1.view([-1])).unwrap();
        for (got, expected) in [
            (numbers(0), vec![0.6, 0.0, 0.3, 0.0]),
            (numbers(1), vec![0.8, 0.4]),
        ] {
            let off = got
                .iter()
                .zip(&expected)
                .map(|(a, b): (&f32, &f32)| (a - b).abs());
            assert!(
                off.fold(0.0, f32::max) < 1e-6,
                "{got:?} is not {expected:?}"
            );
        }
    }
}
