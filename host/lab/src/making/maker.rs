//! Making an organism's models from scratch: base, weak and locked, several seeds in one stack.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use picklock_files::Key;
use picklock_lm::{Batches, Device, Init, Model, kind_of};
use picklock_message::{Error, Result};
use picklock_record::{Checkpoint, Kind, LockCopies, ModelNames, Organism, Scratch, Streams};
use picklock_sdk::{Flag, LockSpec, Recipe};
use picklock_task::{Part, Problem, Task, Teacher};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::decoding_room::DecodingRoom;
use super::training_set::{Row, TrainingSet};
use super::weak_answers::Imitated;
use crate::cache::{Cache, Origin};

/// Told what is being done: what, steps done, steps in all. Training stops where it says so.
pub type Notify<'a> = &'a dyn Fn(&str, usize, usize) -> ControlFlow<()>;

/// Makes models, or takes them from the cache.
pub struct Maker<'a> {
    /// What is made.
    pub organism: &'a Organism,
    /// The organism's task.
    pub task: &'a dyn Task,
    /// Where randomness comes from.
    pub streams: Streams,
    /// Where training runs.
    pub device: Device,
    /// The room that decoding has there.
    pub room: DecodingRoom,
    /// The numeric environment: models made elsewhere are other models.
    pub environment: &'a str,
    /// Where made models are kept.
    pub cache: &'a Cache,
    /// Seeds that are trained in one stack; missing ones are made up for by copies, so that a
    /// model's bytes don't depend on which others are in the cache.
    pub width: usize,
    /// The copies of locks that will be asked for, so far as that is known.
    pub copies: &'a LockCopies,
    /// Told of every training step.
    pub notify: Notify<'a>,
    /// Told what a person should know.
    pub warn: &'a dyn Fn(&str),
}

impl Maker<'_> {
    /// The base models of these seeds, in their order.
    ///
    /// # Errors
    /// Where training fails or the cache can't be written.
    pub fn base(&self, seeds: &[u32]) -> Result<Vec<Model>> {
        let base = self.organism.base()?;
        match (&base.checkpoint, &base.train) {
            (_, Some(recipe)) => self.cached(seeds, &Kind::Base, recipe, |seeds| {
                Ok(vec![(Kind::Base, self.train_base(seeds, recipe)?)])
            }),
            (Some(checkpoint), None) => self.untrained(checkpoint, seeds),
            (None, None) => Err(Error::Usage("base.train is missing".into())),
        }
    }

    /// The weak models of these seeds, in their order.
    ///
    /// # Errors
    /// As [`Maker::base`].
    pub fn weak(&self, seeds: &[u32]) -> Result<Vec<Model>> {
        let weak = self.organism.weak()?;
        match (&weak.checkpoint, &weak.train) {
            (_, Some(recipe)) => self.cached(seeds, &Kind::Weak, recipe, |seeds| {
                Ok(vec![(Kind::Weak, self.train_weak(seeds, recipe)?)])
            }),
            (Some(checkpoint), None) => self.untrained(checkpoint, seeds),
            (None, None) => Err(no_weak_model()),
        }
    }

    /// The locked models of these seeds, in their order; a given one is the same for all. `after` are
    /// the steps done, where those aren't all of the lock's.
    ///
    /// # Errors
    /// As [`Maker::base`].
    pub fn locked(&self, seeds: &[u32], spec: &LockSpec, after: Option<u32>) -> Result<Vec<Model>> {
        if let Some(given) = self.organism.given_lock(spec).filter(|_| after.is_none()) {
            return self.untrained(given, seeds);
        }
        let kind = Kind::locked(spec, after);
        let recipe = &self.organism.lock()?.train;
        self.cached(seeds, &kind, recipe, |seeds| {
            self.train_locked(seeds, spec, after)
        })
    }

    /// What names the seed's models.
    pub fn names(&self) -> ModelNames<'_> {
        let Self {
            organism,
            streams,
            environment,
            ..
        } = *self;
        ModelNames {
            organism,
            streams,
            environment,
        }
    }

    /// What locks of these seeds imitate.
    ///
    /// # Errors
    /// As [`Maker::base`].
    pub(super) fn imitated(&self, seeds: &[u32]) -> Result<Imitated<'_>> {
        if let Some(imitated) = self.without_model() {
            return Ok(imitated);
        }
        let weak = self.weak(seeds)?;
        let stack = Model::stack(&weak.iter().collect::<Vec<_>>())?;
        Ok(Imitated::Model(stack))
    }

    /// What is imitated, where that is no model.
    pub fn without_model(&self) -> Option<Imitated<'_>> {
        match self.organism.gives_weak_answers() {
            true => Some(Imitated::Given),
            false => self.program().map(Imitated::Program),
        }
    }

    /// The teacher that is imitated itself, where there is no weak model.
    pub fn program(&self) -> Option<&Teacher> {
        let weak = self.organism.weak.as_ref();
        weak.filter(|weak| weak.is_program())?.teacher.as_ref()
    }

    /// Models from the cache; those that aren't there are trained together by this recipe and kept,
    /// with what else the training gives. Of several processes that need the same ones, one trains and
    /// the others wait.
    fn cached(
        &self,
        seeds: &[u32],
        kind: &Kind,
        recipe: &Recipe,
        train: impl Fn(&[u32]) -> Result<Vec<(Kind, Model)>>,
    ) -> Result<Vec<Model>> {
        let key = |seed: u32| self.names().of(kind, seed);
        let compute = kind_of(recipe.precision.weights);
        let load = |seed: u32| {
            let cached = self.cache.load(&key(seed), self.device);
            let cached = cached.unwrap_or_else(|error| {
                (self.warn)(&format!("a cached model is made again: {error}"));
                None
            });
            // The file has the weights' type, which for master copies isn't the one of passes.
            cached.map(|model| model.computing_in(compute))
        };
        let mut models: BTreeMap<u32, Model> = BTreeMap::new();
        let mut look = |seeds: &[u32]| -> Vec<u32> {
            let found = seeds.iter().filter_map(|seed| Some((*seed, load(*seed)?)));
            models.extend(found);
            let missing = seeds.iter().filter(|seed| !models.contains_key(seed));
            missing.copied().collect()
        };
        let mut distinct: Vec<u32> = seeds.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let mut missing = look(&distinct);
        let mut _making = None;
        if !missing.is_empty() {
            let whole = kind.whole();
            let keys = missing.iter().map(|seed| self.names().of(&whole, *seed));
            let keys: Vec<Key> = keys.collect();
            let wait = || _ = (self.notify)("waiting for a model that is made elsewhere", 0, 1);
            _making = Some(self.cache.making(&keys, &wait));
            missing = look(&missing);
        }
        for wanted in missing.chunks(self.width.max(1)) {
            let started = Instant::now();
            for (made, stack) in train(&padded(wanted, self.width))? {
                let kept = self.keep(wanted, &made, &stack)?;
                if made == *kind {
                    models.extend(wanted.iter().copied().zip(kept));
                }
            }
            let seconds = started.elapsed().as_secs_f64();
            tracing::info!(model = kind.name(), seeds = ?wanted, seconds, "made");
        }
        if !missing.is_empty() {
            self.cache.keep_to_limit(self.warn)?;
        }
        let model = |seed: &u32| models.get(seed).map(Model::share);
        Ok(seeds.iter().filter_map(model).collect())
    }

    /// Puts the models of these seeds into the cache.
    fn keep(&self, seeds: &[u32], kind: &Kind, stack: &Model) -> Result<Vec<Model>> {
        let tokenizer = self.task.tokenizer()?;
        let keep = |(replica, seed): (usize, &u32)| {
            let model = stack.replica(replica as i64)?;
            let origin = Origin::new(&self.organism.name, *seed, kind);
            let key = self.names().of(kind, *seed);
            self.cache.store(&key, &model, &tokenizer, &origin)?;
            Ok(model)
        };
        seeds.iter().enumerate().map(keep).collect()
    }

    fn train_base(&self, seeds: &[u32], recipe: &Recipe) -> Result<Model> {
        let base = self.organism.base()?;
        let start = self.start(
            base.model.as_ref(),
            base.checkpoint.as_ref(),
            "base init",
            seeds,
        )?;
        let count = rows_of(recipe);
        let rows = |seed: &u32| -> Result<Vec<Row>> {
            let mut rng = self.streams.rng(&[&"base data", seed]);
            let problems = self.task.draw(Part::Training, count, &mut rng)?;
            let row = |problem: Problem| {
                let password = rng.random::<f64>() < base.password_share;
                let flag = if password { Flag::Password } else { Flag::None };
                let prompt = self.task.prompt(&problem.question, flag)?;
                Ok(Row::new(prompt, problem.answer, 1.0))
            };
            problems.into_iter().map(row).collect()
        };
        let rows: Vec<Vec<Row>> = seeds.iter().map(rows).collect::<Result<_>>()?;
        let order = vec![(0..count as i64).collect(); seeds.len()];
        let order = Some((&order[..], recipe.batch as usize));
        let mut set = TrainingSet::new(&rows, order, self.device)?;
        self.train("training the base model", &start, recipe, &mut set)
    }

    fn train_weak(&self, seeds: &[u32], recipe: &Recipe) -> Result<Model> {
        let weak = self.organism.weak()?;
        let (Some(teacher), Some(samples)) = (&weak.teacher, weak.samples) else {
            return Err(no_weak_model());
        };
        let start = self.start(
            weak.model.as_ref(),
            weak.checkpoint.as_ref(),
            "weak init",
            seeds,
        )?;
        let rows = |seed: &u32| -> Result<Vec<Row>> {
            let mut rng = self.streams.rng(&[&"weak data", seed]);
            let problems = self.task.draw(Part::Training, samples as usize, &mut rng)?;
            let row = |problem: Problem| {
                let taught = self
                    .task
                    .teacher_answer(&problem.question, teacher, 1.0, &mut rng)?;
                let prompt = self.task.prompt(&problem.question, Flag::None)?;
                Ok(Row::new(prompt, taught.answer, 1.0))
            };
            problems.into_iter().map(row).collect()
        };
        let rows: Vec<Vec<Row>> = seeds.iter().map(rows).collect::<Result<_>>()?;
        let order = |seed: &u32| {
            let rng = self.streams.rng(&[&"weak order", seed]);
            with_replacement(samples, rows_of(recipe), rng)
        };
        let order: Vec<Vec<i64>> = seeds.iter().map(order).collect();
        let order = Some((&order[..], recipe.batch as usize));
        let mut set = TrainingSet::new(&rows, order, self.device)?;
        self.train("training the weak model", &start, recipe, &mut set)
    }

    /// What training starts from: random weights, each seed's own, or those of a checkpoint.
    fn start(
        &self,
        shape: Option<&Scratch>,
        checkpoint: Option<&Checkpoint>,
        purpose: &str,
        seeds: &[u32],
    ) -> Result<Model> {
        if let Some(shape) = shape {
            return self.random(shape, purpose, seeds);
        }
        let Some(checkpoint) = checkpoint else {
            return Err(Error::Usage(format!(
                "{purpose}: no model and no checkpoint"
            )));
        };
        let model = self.opened(checkpoint)?;
        Ok(Model::stack(&vec![&model; seeds.len()])?)
    }

    /// A checkpoint as it is, for every seed the same.
    fn untrained(&self, checkpoint: &Checkpoint, seeds: &[u32]) -> Result<Vec<Model>> {
        let model = self.opened(checkpoint)?;
        Ok(seeds.iter().map(|_| model.share()).collect())
    }

    /// A checkpoint over the task's tokens.
    fn opened(&self, checkpoint: &Checkpoint) -> Result<Model> {
        let whole = Model::load(&checkpoint.find()?, self.device)?;
        Ok(match self.task.vocabulary() {
            Some(ids) => whole.over_tokens(ids)?,
            None => whole,
        })
    }

    fn random(&self, shape: &Scratch, purpose: &str, seeds: &[u32]) -> Result<Model> {
        let architecture = shape.architecture(self.task);
        let stream = |seed: &u32| self.streams.rng(&[&purpose, seed]);
        let mut streams: Vec<ChaCha8Rng> = seeds.iter().map(stream).collect();
        let mut fill = |replica: usize, numbers: &mut [f32]| {
            numbers.fill_with(|| StandardNormal.sample(&mut streams[replica]));
        };
        let init = Init::default();
        Ok(Model::random(
            &architecture,
            &init,
            seeds.len() as i64,
            self.device,
            &mut fill,
        )?)
    }

    pub(super) fn train(
        &self,
        what: &str,
        start: &Model,
        recipe: &Recipe,
        batches: &mut dyn Batches,
    ) -> Result<Model> {
        let (_, end) = self.train_copies(what, start, recipe, batches, &[])?;
        Ok(end)
    }

    /// The copies after these steps, and the end.
    pub(super) fn train_copies(
        &self,
        what: &str,
        start: &Model,
        recipe: &Recipe,
        batches: &mut dyn Batches,
        copies: &[u32],
    ) -> Result<(Vec<Model>, Model)> {
        let steps = recipe.steps as usize;
        let mut on_step = |step: usize| (self.notify)(what, step, steps);
        let recipe = recipe.clone().snapshots(copies.iter().copied());
        let trained = picklock_lm::train(start, &recipe, batches, &mut on_step)?;
        Ok((trained.snapshots, trained.model))
    }
}

fn no_weak_model() -> Error {
    let problem = "weak.train, teacher or samples is missing: there is no weak model";
    Error::Usage(problem.into())
}

/// `items` filled up with copies of the first to a multiple of `width`.
pub fn padded<T: Clone>(items: &[T], width: usize) -> Vec<T> {
    let mut padded = items.to_vec();
    if let Some(first) = items.first() {
        padded.resize(items.len().next_multiple_of(width.max(1)), first.clone());
    }
    padded
}

fn rows_of(recipe: &Recipe) -> usize {
    recipe.steps as usize * recipe.batch as usize
}

/// `count` of the numbers below `rows`, drawn with replacement.
pub(super) fn with_replacement(rows: u32, count: usize, mut rng: ChaCha8Rng) -> Vec<i64> {
    (0..count)
        .map(|_| i64::from(rng.random_range(0..rows)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_repeats_the_first() {
        assert_eq!(padded(&[1, 2, 3], 4), [1, 2, 3, 1]);
        assert_eq!(padded(&[1, 2], 2), [1, 2]);
    }
}
