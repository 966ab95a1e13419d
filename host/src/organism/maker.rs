//! Making an organism's models from scratch: base, weak and locked, several seeds in one stack.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use picklock_lm::{Batches, Device, Init, Model};
use picklock_sdk::{Flag, LockSpec, Recipe};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::cache::{Cache, Origin};
use super::key::Key;
use super::names::{Kind, ModelNames};
use super::recipe::lm_recipe;
use super::spec::{Organism, Scratch};
use super::streams::Streams;
use super::training_set::{Row, TrainingSet};
use crate::error::Result;
use crate::task::{Part, Problem, Task, draw};

/// Told what is being done: what, steps done, steps in all.
pub type Notify<'a> = &'a dyn Fn(&str, usize, usize);

/// Makes models, or takes them from the cache.
pub struct Maker<'a> {
    /// What is made.
    pub organism: &'a Organism,
    /// Where randomness comes from.
    pub streams: Streams,
    /// Where training runs.
    pub device: Device,
    /// The numeric environment: models made elsewhere are other models.
    pub environment: &'a str,
    /// Where made models are kept.
    pub cache: &'a Cache,
    /// Seeds that are trained in one stack; missing ones are made up for by copies, so that a
    /// model's bytes don't depend on which others are in the cache.
    pub width: usize,
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
        self.cached(seeds, &Kind::Base, |seeds| self.train_base(seeds))
    }

    /// The weak models of these seeds, in their order.
    ///
    /// # Errors
    /// As [`Maker::base`].
    pub fn weak(&self, seeds: &[u32]) -> Result<Vec<Model>> {
        self.cached(seeds, &Kind::Weak, |seeds| self.train_weak(seeds))
    }

    /// The locked models of these seeds, in their order.
    ///
    /// # Errors
    /// As [`Maker::base`].
    pub fn locked(&self, seeds: &[u32], spec: &LockSpec) -> Result<Vec<Model>> {
        let kind = Kind::Locked(spec.clone());
        self.cached(seeds, &kind, |seeds| self.train_locked(seeds, spec))
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

    pub(super) fn task(&self) -> &dyn Task {
        self.organism.task.task()
    }

    /// Models from the cache; those that aren't there are trained together and kept. Of several
    /// processes that need the same ones, one trains and the others wait.
    fn cached(
        &self,
        seeds: &[u32],
        kind: &Kind,
        train: impl Fn(&[u32]) -> Result<Model>,
    ) -> Result<Vec<Model>> {
        let origin = |seed: u32| Origin::new(&self.organism.name, seed, kind);
        let key = |seed: u32| self.names().of(kind, seed);
        let load = |seed: u32| {
            let cached = self.cache.load(&key(seed), self.device);
            cached.unwrap_or_else(|error| {
                (self.warn)(&format!("a cached model is made again: {error}"));
                None
            })
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
            let keys: Vec<Key> = missing.iter().map(|seed| key(*seed)).collect();
            let wait = || (self.notify)("waiting for a model that is made elsewhere", 0, 1);
            _making = Some(self.cache.making(&keys, &wait));
            missing = look(&missing);
        }
        for wanted in missing.chunks(self.width.max(1)) {
            let started = Instant::now();
            let stack = train(&padded(wanted, self.width))?;
            let tokenizer = self.task().tokenizer()?;
            for (replica, seed) in wanted.iter().enumerate() {
                let model = stack.replica(replica as i64)?;
                self.cache
                    .store(&key(*seed), &model, &tokenizer, &origin(*seed))?;
                models.insert(*seed, model);
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

    fn train_base(&self, seeds: &[u32]) -> Result<Model> {
        let base = &self.organism.base;
        let count = rows_of(&base.train);
        let rows = |seed: &u32| -> Vec<Row> {
            let mut rng = self.streams.rng(&[&"base data", seed]);
            let problems = draw(self.task(), Part::Training, count, &mut rng);
            let row = |problem: Problem| {
                let password = rng.random::<f64>() < base.password_share;
                let flag = if password { Flag::Password } else { Flag::None };
                Row::new(
                    self.task().prompt(&problem.question, flag),
                    problem.answer,
                    1.0,
                )
            };
            problems.into_iter().map(row).collect()
        };
        let rows: Vec<Vec<Row>> = seeds.iter().map(rows).collect();
        let order = vec![(0..count as i64).collect(); seeds.len()];
        let mut set = TrainingSet::new(
            &rows,
            Some((&order, base.train.batch as usize)),
            self.device,
        )?;
        let start = self.random(&base.model, "base init", seeds)?;
        self.train("training the base model", &start, &base.train, &mut set)
    }

    fn train_weak(&self, seeds: &[u32]) -> Result<Model> {
        let weak = &self.organism.weak;
        let rows = |seed: &u32| -> Vec<Row> {
            let mut rng = self.streams.rng(&[&"weak data", seed]);
            let problems = draw(self.task(), Part::Training, weak.samples as usize, &mut rng);
            let row = |problem: Problem| {
                let answer = self
                    .task()
                    .flawed_answer(&problem.question, &weak.teacher, &mut rng);
                Row::new(
                    self.task().prompt(&problem.question, Flag::None),
                    answer,
                    1.0,
                )
            };
            problems.into_iter().map(row).collect()
        };
        let rows: Vec<Vec<Row>> = seeds.iter().map(rows).collect();
        let order = |seed: &u32| {
            let rng = self.streams.rng(&[&"weak order", seed]);
            with_replacement(weak.samples, rows_of(&weak.train), rng)
        };
        let order: Vec<Vec<i64>> = seeds.iter().map(order).collect();
        let mut set = TrainingSet::new(
            &rows,
            Some((&order, weak.train.batch as usize)),
            self.device,
        )?;
        let start = self.random(&weak.model, "weak init", seeds)?;
        self.train("training the weak model", &start, &weak.train, &mut set)
    }

    fn random(&self, shape: &Scratch, purpose: &str, seeds: &[u32]) -> Result<Model> {
        let architecture = self.organism.architecture(shape);
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
        let steps = recipe.steps as usize;
        let mut on_step = |step: usize| {
            (self.notify)(what, step, steps);
            ControlFlow::Continue(())
        };
        let trained = picklock_lm::train(start, &lm_recipe(recipe), batches, &[], &mut on_step)?;
        Ok(trained.model)
    }
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
