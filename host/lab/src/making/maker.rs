//! Making an organism's models from scratch: base, weak and locked, several seeds in one stack.

use std::collections::{BTreeMap, BTreeSet};
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

/// Receives progress: what is being done, steps done, steps in all. Training stops where it breaks.
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
    /// Seeds that are trained in one stack; a stack of fewer is filled up with copies, so that a
    /// model's bytes don't depend on which others are in the cache.
    pub width: usize,
    /// The copies of locks that will be asked for, so far as that is known.
    pub copies: &'a LockCopies,
    /// Receives every training step.
    pub notify: Notify<'a>,
    /// Receives warnings for a person.
    pub warn: &'a dyn Fn(&str),
}

impl Maker<'_> {
    /// The base models of these seeds, in their order.
    ///
    /// # Errors
    /// Where training fails or the cache can't be written.
    pub fn base(&self, seeds: &[u32]) -> Result<Vec<Model>> {
        let base = self.organism.base()?;
        let (checkpoint, recipe) = (base.checkpoint.as_ref(), base.train.as_ref());
        self.made(seeds, &Kind::Base, checkpoint, recipe, Self::train_base)
    }

    /// The weak models of these seeds, in their order.
    ///
    /// # Errors
    /// As [`Maker::base`].
    pub fn weak(&self, seeds: &[u32]) -> Result<Vec<Model>> {
        let weak = self.organism.weak()?;
        let (checkpoint, recipe) = (weak.checkpoint.as_ref(), weak.train.as_ref());
        self.made(seeds, &Kind::Weak, checkpoint, recipe, Self::train_weak)
    }

    /// Base or weak models: trained where there is a recipe, else a checkpoint as it is.
    fn made(
        &self,
        seeds: &[u32],
        kind: &Kind,
        checkpoint: Option<&Checkpoint>,
        recipe: Option<&Recipe>,
        train: impl Fn(&Self, &[u32], &Recipe) -> Result<Model>,
    ) -> Result<Vec<Model>> {
        match (checkpoint, recipe) {
            (_, Some(recipe)) => self.cached(seeds, kind, recipe, |seeds| {
                Ok(vec![(kind.clone(), train(self, seeds, recipe)?)])
            }),
            (Some(checkpoint), None) => self.untrained(checkpoint, seeds),
            (None, None) => Err(missing(kind)),
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
        ModelNames {
            organism: self.organism,
            streams: self.streams,
            environment: self.environment,
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

    /// What locks imitate, where that is no model.
    pub fn without_model(&self) -> Option<Imitated<'_>> {
        if self.organism.gives_weak_answers() {
            return Some(Imitated::Given);
        }
        self.program().map(Imitated::Program)
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
            Some((seed, cached?.computing_in(compute)))
        };
        let mut models: BTreeMap<u32, Model> = BTreeMap::new();
        let mut look = |seeds: &[u32]| -> Vec<u32> {
            models.extend(seeds.iter().filter_map(|seed| load(*seed)));
            let missing = seeds.iter().filter(|seed| !models.contains_key(seed));
            missing.copied().collect()
        };
        let seeds_once = distinct(seeds);
        let mut missing = look(&seeds_once);
        let mut _locks = None;
        if !missing.is_empty() {
            let whole = kind.whole();
            let keys = missing.iter().map(|seed| self.names().of(&whole, *seed));
            let keys: Vec<Key> = keys.collect();
            let wait = || _ = (self.notify)("waiting for a model that is made elsewhere", 0, 1);
            _locks = Some(self.cache.lock_models(&keys, &wait));
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

    /// Stores the models of these seeds in the cache.
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
        let sources = (base.model.as_ref(), base.checkpoint.as_ref());
        let start = self.start(sources, "base init", seeds)?;
        let count = rows_of(recipe);
        let row = |problem: Problem, rng: &mut ChaCha8Rng| {
            let password = rng.random::<f64>() < base.password_share;
            let flag = if password { Flag::Password } else { Flag::None };
            let prompt = self.task.prompt(&problem.question, flag)?;
            Ok(Row::new(prompt, problem.answer, 1.0))
        };
        let rows = self.rows("base data", seeds, count, &row)?;
        let orders = vec![(0..count as i64).collect(); seeds.len()];
        let mut set = TrainingSet::new(&rows, Some(in_batches(&orders, recipe)), self.device)?;
        self.train("training the base model", &start, recipe, &mut set)
    }

    fn train_weak(&self, seeds: &[u32], recipe: &Recipe) -> Result<Model> {
        let weak = self.organism.weak()?;
        let (Some(teacher), Some(samples)) = (&weak.teacher, weak.samples) else {
            return Err(missing(&Kind::Weak));
        };
        let sources = (weak.model.as_ref(), weak.checkpoint.as_ref());
        let start = self.start(sources, "weak init", seeds)?;
        let row = |Problem { question, .. }: Problem, rng: &mut ChaCha8Rng| {
            let answer = self.task.teacher_answer(&question, teacher, 1.0, rng)?;
            let prompt = self.task.prompt(&question, Flag::None)?;
            Ok(Row::new(prompt, answer.answer, 1.0))
        };
        let rows = self.rows("weak data", seeds, samples as usize, &row)?;
        let order = |seed: &u32| {
            let rng = self.streams.rng(&[&"weak order", seed]);
            with_replacement(samples, rows_of(recipe), rng)
        };
        let orders: Vec<Vec<i64>> = seeds.iter().map(order).collect();
        let mut set = TrainingSet::new(&rows, Some(in_batches(&orders, recipe)), self.device)?;
        self.train("training the weak model", &start, recipe, &mut set)
    }

    /// A row for each of so many problems of each seed, by random numbers for this purpose.
    pub(super) fn rows(
        &self,
        purpose: &str,
        seeds: &[u32],
        count: usize,
        row: &dyn Fn(Problem, &mut ChaCha8Rng) -> Result<Row>,
    ) -> Result<Vec<Vec<Row>>> {
        let of_seed = |seed: &u32| -> Result<Vec<Row>> {
            let mut rng = self.streams.rng(&[&purpose, seed]);
            let problems = self.task.draw(Part::Training, count, &mut rng)?;
            problems
                .into_iter()
                .map(|problem| row(problem, &mut rng))
                .collect()
        };
        seeds.iter().map(of_seed).collect()
    }

    /// What training starts from: random weights, each seed's own, or those of a checkpoint.
    fn start(
        &self,
        (shape, checkpoint): (Option<&Scratch>, Option<&Checkpoint>),
        purpose: &str,
        seeds: &[u32],
    ) -> Result<Model> {
        if let Some(shape) = shape {
            return self.random(shape, purpose, seeds);
        }
        let missing = || Error::Usage(format!("{purpose}: no model and no checkpoint"));
        let model = self.opened(checkpoint.ok_or_else(missing)?)?;
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
        let (init, replicas) = (Init::default(), seeds.len() as i64);
        let model = Model::random(&architecture, &init, replicas, self.device, &mut fill);
        Ok(model?)
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

/// What the organism lacks to make a base or weak model.
fn missing(kind: &Kind) -> Error {
    let problem = match kind {
        Kind::Base => "base.train is missing",
        _ => "weak.train, teacher or samples is missing: there is no weak model",
    };
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

/// The seeds in ascending order, each once.
pub fn distinct(seeds: &[u32]) -> Vec<u32> {
    let seeds: BTreeSet<u32> = seeds.iter().copied().collect();
    seeds.into_iter().collect()
}

fn rows_of(recipe: &Recipe) -> usize {
    recipe.steps as usize * recipe.batch as usize
}

/// Each seed's order of rows, in the batches of a recipe.
fn in_batches<'o>(orders: &'o [Vec<i64>], recipe: &Recipe) -> (&'o [Vec<i64>], usize) {
    (orders, recipe.batch as usize)
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
