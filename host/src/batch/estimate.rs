//! What a run will cost, before it starts: from the arithmetic of its training and decoding steps.

use std::collections::HashMap;

use picklock_sdk::Recipe;

use super::plan::{CohortPlan, Plan};
use crate::journal::Manifest;
use crate::organism::{Cache, ModelNames, Organism, Streams};

/// A device's rough speed.
struct Speed {
    /// Seconds that a training step costs beside its arithmetic.
    overhead: f64,
    /// Floating-point operations a second.
    rate: f64,
}

/// One thread of a CPU core of 2020 or later, on matrices of some dozens of columns.
const CPU: Speed = Speed {
    overhead: 2.5e-3,
    rate: 2.5e10,
};

/// A GPU of 2020 or later, bound by launches.
const GPU: Speed = Speed {
    overhead: 7e-3,
    rate: 1e13,
};

/// Expected seconds of each cohort, models included, on one worker.
#[derive(Clone, Debug, Default)]
pub struct Costs {
    cohorts: HashMap<(String, String, u32), f64>,
    workers: f64,
}

impl Costs {
    /// What `plan` costs on `workers` workers.
    pub fn new(
        manifest: &Manifest,
        plan: &Plan,
        cuda: bool,
        cache: &Cache,
        workers: usize,
    ) -> Self {
        let organism = &manifest.organism;
        let speed = if cuda { GPU } else { CPU };
        let mut costs = Self {
            cohorts: HashMap::new(),
            workers: 1.0,
        };
        costs.workers = workers.clamp(1, plan.blocks.len().max(1)) as f64;
        let environment = manifest.environment.numeric();
        let streams = Streams {
            root: manifest.root_seed,
        };
        let names = ModelNames {
            organism,
            streams,
            environment: &environment,
        };
        let unlock = speed.training(
            organism,
            &organism.unlock,
            f64::from(manifest.geometry.width),
        );
        for block in &plan.blocks {
            let seeds = block.members.iter().map(|member| member.seed);
            let mut seeds: Vec<u32> = seeds.collect();
            seeds.dedup();
            let made = |seed: &u32| {
                let lock = picklock_sdk::LockSpec::plain();
                cache.holds(&names.locked(*seed, &lock))
            };
            let mut cost = match seeds.iter().all(made) {
                true => 0.0,
                false => speed.models(organism, seeds.len() as f64),
            };
            for cohort in &block.cohorts {
                cost += unlock + speed.evaluation(organism, cohort.members.len() as f64);
                costs
                    .cohorts
                    .insert(name(cohort), std::mem::take(&mut cost));
            }
        }
        costs
    }

    /// Seconds of a cohort, or of a part of one.
    pub fn of(&self, cohort: &CohortPlan) -> f64 {
        self.cohorts.get(&name(cohort)).copied().unwrap_or_default() / self.workers
    }

    /// Seconds in all.
    pub fn total(&self) -> f64 {
        // The sum of a map's values would depend on its order in the last digits only; it is shown
        // in whole seconds.
        self.cohorts.values().sum::<f64>() / self.workers
    }
}

fn name(cohort: &CohortPlan) -> (String, String, u32) {
    let seed = cohort.members.first().map_or(0, |member| member.seed);
    (cohort.hypothesis.clone(), cohort.arm.clone(), seed)
}

impl Speed {
    /// Base, weak model and lock, of several seeds.
    fn models(&self, organism: &Organism, seeds: f64) -> f64 {
        self.training(organism, &organism.base.train, seeds)
            + self.training(organism, &organism.weak.train, seeds) / 2.0
            + self.training(organism, &organism.lock.train, seeds)
    }

    fn training(&self, organism: &Organism, recipe: &Recipe, replicas: f64) -> f64 {
        let tokens = f64::from(recipe.batch) * tokens(organism) * replicas;
        let step = self.overhead + 6.0 * parameters(organism) * tokens / self.rate;
        f64::from(recipe.steps) * step
    }

    /// A cohort's own evaluations, two of them on average.
    fn evaluation(&self, organism: &Organism, replicas: f64) -> f64 {
        let tokens = f64::from(organism.problems.held_out) * tokens(organism) * replicas;
        2.0 * (self.overhead * tokens_of_answer(organism)
            + 2.0 * parameters(organism) * tokens / self.rate)
    }
}

fn tokens(organism: &Organism) -> f64 {
    organism.task.task().max_tokens() as f64
}

fn tokens_of_answer(organism: &Organism) -> f64 {
    organism.task.task().answer_tokens() as f64
}

/// Of the base model, without embeddings: 12 D^2 a layer.
fn parameters(organism: &Organism) -> f64 {
    let model = &organism.base.model;
    (12 * model.n_layer * model.n_embd * model.n_embd) as f64
}
