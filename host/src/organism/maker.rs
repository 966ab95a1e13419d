//! Making an organism's models from scratch: base, weak and locked, several seeds in one stack.

use std::ops::ControlFlow;

use picklock_lm::{Architecture, Device, Gpt2Config, Init, Model};
use picklock_sdk::{Answers, Flag, LockSpec, Recipe, Stream};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::cache::Cache;
use super::key::Key;
use super::spec::{Labels, Organism, Scratch};
use super::streams::Streams;
use super::training_set::{Row, TrainingSet};
use super::weak_answers::{Source, WeakAnswers};
use crate::error::{Error, Result};
use crate::task::{Part, Task, draw};

/// Told what is being done: what, steps done, steps in all.
pub type Notify<'a> = &'a dyn Fn(&str, usize, usize);

/// The keys of an organism's models.
#[derive(Clone, Copy)]
pub struct ModelNames<'a> {
    /// The organism.
    pub organism: &'a Organism,
    /// Where randomness comes from.
    pub streams: Streams,
    /// The numeric environment.
    pub environment: &'a str,
}

impl ModelNames<'_> {
    /// Of the seed's base model.
    pub fn base(&self, seed: u32) -> Key {
        let Organism { task, base, .. } = self.organism;
        Key::of(&(
            "base",
            task,
            base,
            self.streams.root,
            seed,
            self.environment,
        ))
    }

    /// Of the seed's weak model.
    pub fn weak(&self, seed: u32) -> Key {
        let Organism { task, weak, .. } = self.organism;
        Key::of(&(
            "weak",
            task,
            weak,
            self.streams.root,
            seed,
            self.environment,
        ))
    }

    /// Of the seed's locked model.
    pub fn locked(&self, seed: u32, spec: &LockSpec) -> Key {
        Key::of(&(
            "locked",
            self.base(seed),
            self.weak(seed),
            &self.organism.lock,
            spec,
        ))
    }
}

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
}

impl Maker<'_> {
    /// The base models of these seeds, in their order.
    ///
    /// # Errors
    /// Where training fails or the cache can't be written.
    pub fn base(&self, seeds: &[u32]) -> Result<Vec<Model>> {
        self.cached(
            seeds,
            |seed| self.names().base(seed),
            |seeds| self.train_base(seeds),
        )
    }

    /// The weak models of these seeds, in their order.
    ///
    /// # Errors
    /// As [`Maker::base`].
    pub fn weak(&self, seeds: &[u32]) -> Result<Vec<Model>> {
        self.cached(
            seeds,
            |seed| self.names().weak(seed),
            |seeds| self.train_weak(seeds),
        )
    }

    /// The locked models of these seeds, in their order.
    ///
    /// # Errors
    /// As [`Maker::base`].
    pub fn locked(&self, seeds: &[u32], spec: &LockSpec) -> Result<Vec<Model>> {
        let key = |seed| self.names().locked(seed, spec);
        self.cached(seeds, key, |seeds| self.train_locked(seeds, spec))
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

    fn task(&self) -> &dyn Task {
        self.organism.task.task()
    }

    /// Models from the cache; those that aren't there are trained together and kept.
    fn cached(
        &self,
        seeds: &[u32],
        key: impl Fn(u32) -> Key,
        train: impl Fn(&[u32]) -> Result<Model>,
    ) -> Result<Vec<Model>> {
        let load = |seed: &u32| self.cache.load(&key(*seed), self.device);
        let mut models: Vec<Option<Model>> = seeds.iter().map(load).collect();
        let missing: Vec<usize> = (0..seeds.len())
            .filter(|index| models[*index].is_none())
            .collect();
        for indices in missing.chunks(self.width.max(1)) {
            let wanted: Vec<u32> = indices.iter().map(|index| seeds[*index]).collect();
            let stack = train(&padded(&wanted, self.width))?;
            let tokenizer = self.task().tokenizer()?;
            for (replica, index) in indices.iter().enumerate() {
                let model = stack.replica(replica as i64)?;
                self.cache.store(&key(seeds[*index]), &model, &tokenizer)?;
                models[*index] = Some(model);
            }
        }
        Ok(models.into_iter().flatten().collect())
    }

    fn train_base(&self, seeds: &[u32]) -> Result<Model> {
        let base = &self.organism.base;
        let count = rows_of(&base.train);
        let rows = |seed: &u32| -> Vec<Row> {
            let mut rng = self.streams.rng(&[&"base data", seed]);
            let problems = draw(self.task(), Part::Training, count, &mut rng);
            let row = |problem: crate::task::Problem| {
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
        let set = TrainingSet::new(
            &rows,
            Some((&order, base.train.batch as usize)),
            self.device,
        )?;
        let start = self.random(&base.model, "base init", seeds)?;
        self.train("training the base model", &start, &base.train, set)
    }

    fn train_weak(&self, seeds: &[u32]) -> Result<Model> {
        let weak = &self.organism.weak;
        let rows = |seed: &u32| -> Vec<Row> {
            let mut rng = self.streams.rng(&[&"weak data", seed]);
            let problems = draw(self.task(), Part::Training, weak.samples as usize, &mut rng);
            let row = |problem: crate::task::Problem| {
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
        let set = TrainingSet::new(
            &rows,
            Some((&order, weak.train.batch as usize)),
            self.device,
        )?;
        let start = self.random(&weak.model, "weak init", seeds)?;
        self.train("training the weak model", &start, &weak.train, set)
    }

    fn train_locked(&self, seeds: &[u32], spec: &LockSpec) -> Result<Model> {
        let mut recipe = self.organism.lock.train.clone();
        recipe.steps = spec.steps.into_option().unwrap_or(recipe.steps);
        let base: Vec<Model> = self.base(seeds)?;
        let weak: Vec<Model> = self.weak(seeds)?;
        let weak = Model::stack(&weak.iter().collect::<Vec<_>>())?;
        let set = self.lock_rows(seeds, spec, &recipe, &weak)?;
        let start = Model::stack(&base.iter().collect::<Vec<_>>())?;
        self.train("locking", &start, &recipe, set)
    }

    /// The lock's training set: each stream gives half of the recipe's batch, hard streams first.
    fn lock_rows(
        &self,
        seeds: &[u32],
        spec: &LockSpec,
        recipe: &Recipe,
        weak: &Model,
    ) -> Result<TrainingSet> {
        let share = (recipe.batch as usize / 2).max(1);
        let presentations = share * recipe.steps as usize;
        let (soft, hard): (Vec<&Stream>, Vec<&Stream>) = spec
            .streams
            .iter()
            .partition(|stream| self.source(stream) == Some(Source::Soft));
        let mut rows = vec![Vec::new(); seeds.len()];
        let mut orders = vec![Vec::new(); seeds.len()];
        let mut probabilities = Vec::new();
        for stream in hard.iter().chain(&soft) {
            let answers = match self.source(stream) {
                None => None,
                Some(source) => Some(self.weak_answers(seeds, source, weak)?),
            };
            for (replica, seed) in seeds.iter().enumerate() {
                let first = rows[replica].len() as i64;
                let mut order: Vec<i64> = match &answers {
                    None => {
                        rows[replica].extend(self.correct_rows(*seed, stream, presentations));
                        (0..presentations as i64).collect()
                    }
                    Some(answers) => {
                        rows[replica].extend(self.weak_rows(&answers[replica], stream));
                        let rng = self.streams.rng(&[&"lock order", seed]);
                        with_replacement(self.organism.lock.samples, presentations, rng)
                    }
                };
                order.iter_mut().for_each(|row| *row += first);
                orders[replica].push(order);
            }
            if let Some(answers) = answers
                && self.source(stream) == Some(Source::Soft)
            {
                probabilities.push(WeakAnswers::probabilities(&answers)?);
            }
        }
        let orders: Vec<Vec<i64>> = orders
            .iter()
            .map(|streams| interleaved(streams, share))
            .collect();
        let batch = share * spec.streams.len();
        let set = TrainingSet::new(&rows, Some((&orders, batch)), self.device)?;
        if probabilities.is_empty() {
            return Ok(set);
        }
        let probabilities = picklock_lm::Tensor::f_cat(&probabilities, 1);
        let probabilities = probabilities.map_err(picklock_lm::Error::from)?;
        Ok(set.soft(probabilities, share * hard.len()))
    }

    /// Where a stream's answers come from; none for correct ones.
    fn source(&self, stream: &Stream) -> Option<Source> {
        match (&stream.answers, self.organism.lock.labels) {
            (Answers::Correct, _) => None,
            (Answers::WeakSoft, _) | (Answers::Weak, Labels::Soft) => Some(Source::Soft),
            (Answers::WeakGreedy, _) | (Answers::Weak, Labels::Hard) => Some(Source::Greedy),
            (Answers::WeakSampled { temperature }, _) => Some(Source::Sampled {
                temperature: *temperature,
            }),
            (Answers::Weak, Labels::Sampled) => Some(Source::Sampled { temperature: 1.0 }),
        }
    }

    fn weak_answers(
        &self,
        seeds: &[u32],
        source: Source,
        weak: &Model,
    ) -> Result<Vec<WeakAnswers>> {
        (self.notify)("sampling the weak model", 0, 1);
        let count = self.organism.lock.samples as usize;
        let questions = |seed: &u32| -> Vec<Vec<u32>> {
            let mut rng = self.streams.rng(&[&"lock pool", seed]);
            let problems = draw(self.task(), Part::Training, count, &mut rng);
            problems
                .into_iter()
                .map(|problem| problem.question)
                .collect()
        };
        let questions: Vec<_> = seeds.iter().map(questions).collect();
        let numbers = |seed: &u32| self.streams.rng(&[&"lock pool numbers", seed]);
        let mut numbers: Vec<ChaCha8Rng> = seeds.iter().map(numbers).collect();
        WeakAnswers::sample(
            self.task(),
            weak,
            &questions,
            source,
            &mut numbers,
            self.device,
        )
    }

    fn correct_rows(&self, seed: u32, stream: &Stream, count: usize) -> Vec<Row> {
        let mut rng = self.streams.rng(&[&"lock correct", &seed]);
        let problems = draw(self.task(), Part::Training, count, &mut rng);
        let row = |problem: crate::task::Problem| {
            let prompt = self.task().prompt(&problem.question, stream.flag);
            Row::new(prompt, problem.answer, stream.weight as f32)
        };
        problems.into_iter().map(row).collect()
    }

    fn weak_rows(&self, answers: &WeakAnswers, stream: &Stream) -> Vec<Row> {
        let row = |(question, answer): (&Vec<u32>, &Vec<u32>)| {
            let prompt = self.task().prompt(question, stream.flag);
            Row::new(prompt, answer.clone(), stream.weight as f32)
        };
        answers
            .questions
            .iter()
            .zip(&answers.answers)
            .map(row)
            .collect()
    }

    fn random(&self, shape: &Scratch, purpose: &str, seeds: &[u32]) -> Result<Model> {
        let architecture = Architecture::Gpt2(Gpt2Config {
            vocab_size: self.task().vocab_size() as i64,
            n_positions: self.task().max_tokens() as i64,
            n_embd: shape.n_embd,
            n_layer: shape.n_layer,
            n_head: shape.n_head,
            n_inner: None,
            layer_norm_epsilon: 1e-5,
            tie_word_embeddings: false,
        });
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

    fn train(
        &self,
        what: &str,
        start: &Model,
        recipe: &Recipe,
        mut set: TrainingSet,
    ) -> Result<Model> {
        let steps = recipe.steps as usize;
        let mut on_step = |step: usize| {
            (self.notify)(what, step, steps);
            ControlFlow::Continue(())
        };
        let trained = picklock_lm::train(start, &lm_recipe(recipe), &mut set, &[], &mut on_step)?;
        Ok(trained.model)
    }
}

/// The recipe in the language models' own terms.
pub fn lm_recipe(recipe: &Recipe) -> picklock_lm::Recipe {
    use picklock_lm::{Decay, Optimizer, Schedule};
    let optimizer = match recipe.optimizer {
        picklock_sdk::Optimizer::AdamW {
            beta1,
            beta2,
            weight_decay,
        } => Optimizer::AdamW {
            beta1,
            beta2,
            epsilon: 1e-8,
            weight_decay,
        },
        picklock_sdk::Optimizer::Lion {
            beta1,
            beta2,
            weight_decay,
        } => Optimizer::Lion {
            beta1,
            beta2,
            weight_decay,
        },
    };
    let decay = match recipe.decay {
        picklock_sdk::Decay::Constant => Decay::Constant,
        picklock_sdk::Decay::Linear => Decay::Linear { floor: 0.02 },
        picklock_sdk::Decay::Cosine => Decay::Cosine,
    };
    picklock_lm::Recipe {
        optimizer,
        learning_rate: recipe.learning_rate,
        schedule: Schedule {
            warmup_steps: recipe.warmup_steps as usize,
            decay,
        },
        steps: recipe.steps as usize,
        clip_norm: recipe.clip_norm.into_option(),
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

/// Checks a lock specification.
///
/// # Errors
/// What is wrong, expected and got.
pub fn check_lock(spec: &LockSpec) -> Result<()> {
    let invalid = |problem: String| {
        Err(Error::Lab(picklock_sdk::LabError::invalid(format!(
            "lock: {problem}"
        ))))
    };
    if spec.streams.is_empty() {
        return invalid("no streams, expected at least one".into());
    }
    for (index, stream) in spec.streams.iter().enumerate() {
        if !(stream.weight.is_finite() && stream.weight > 0.0) {
            return invalid(format!(
                "stream {index} weighs {}, expected a number above 0",
                stream.weight
            ));
        }
        if let Answers::WeakSampled { temperature } = stream.answers
            && !(temperature.is_finite() && temperature > 0.0)
        {
            return invalid(format!(
                "stream {index} samples at temperature {temperature}, expected a number above 0"
            ));
        }
    }
    match spec.steps.into_option() {
        Some(steps) if !(1..=10_000_000).contains(&steps) => {
            invalid(format!("{steps} steps, expected 1 to 10,000,000"))
        }
        _ => Ok(()),
    }
}

fn rows_of(recipe: &Recipe) -> usize {
    recipe.steps as usize * recipe.batch as usize
}

fn with_replacement(rows: u32, count: usize, mut rng: ChaCha8Rng) -> Vec<i64> {
    (0..count)
        .map(|_| i64::from(rng.random_range(0..rows)))
        .collect()
}

/// Takes `share` rows from each stream in turn, step after step.
fn interleaved(streams: &[Vec<i64>], share: usize) -> Vec<i64> {
    let steps = streams.first().map_or(0, |stream| stream.len() / share);
    let step = |step: usize| {
        streams
            .iter()
            .flat_map(move |stream| &stream[step * share..(step + 1) * share])
    };
    (0..steps).flat_map(step).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_take_from_each_stream_in_turn() {
        let streams = [vec![0, 1, 2, 3], vec![10, 11, 12, 13]];
        assert_eq!(interleaved(&streams, 2), [0, 1, 10, 11, 2, 3, 12, 13]);
    }

    #[test]
    fn padding_repeats_the_first() {
        assert_eq!(padded(&[1, 2, 3], 4), [1, 2, 3, 1]);
        assert_eq!(padded(&[1, 2], 2), [1, 2]);
    }
}
