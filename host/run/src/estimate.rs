//! What a run will cost, before it starts: from what its arms ask of the lab in a rehearsal, and the
//! arithmetic of training and decoding steps.

use std::collections::{BTreeMap, HashMap, HashSet};

use picklock_files::Key;
use picklock_lab::{Cache, Scope, Work, WorkKind, room_for_memory};
use picklock_message::Result;
use picklock_record::{
    Block, CohortPlan, LockCopies, Manifest, Member, ModelNames, Organism, Plan, Streams,
};
use picklock_sdk::{Float, Recipe, Split};
use picklock_task::Task;

/// A device's rough speed.
struct Speed {
    /// Seconds that a training or decoding step costs beside its arithmetic.
    overhead: f64,
    /// Floating-point operations a second on large matrices.
    rate: f64,
    /// Half of that is reached by models of so many weights, and less by smaller ones.
    half: f64,
    /// Bytes of memory a second.
    bandwidth: f64,
    /// Standard normals a second.
    normals: f64,
}

/// One thread of a CPU core of 2020 or later.
const CPU: Speed = Speed {
    overhead: 2.5e-3,
    rate: 6e10,
    half: 8e4,
    bandwidth: 2e10,
    normals: 8e7,
};

/// A GPU of 2020 or later in float32, with tiny models bound by launches.
const GPU: Speed = Speed {
    overhead: 7e-3,
    rate: 4e13,
    half: 3e5,
    bandwidth: 2.5e12,
    // Drawn on the host, by a thread a replica.
    normals: 6e8,
};

/// The same in bfloat16.
const GPU_BFLOAT16: Speed = Speed { rate: 2e14, ..GPU };

/// Bytes that a training step reads and writes for a weight: itself in both passes, its gradient, and
/// the optimiser's two states and master copy.
const TRAFFIC: f64 = 40.0;

/// Bytes of a weight while it is trained: itself, its gradient, and two states of the
/// optimiser.
const TRAINED: f64 = 16.0;

/// What every arm asks of the lab, by hypothesis and arm.
pub type Rehearsed = HashMap<(String, String), Vec<Work>>;

/// The copies that arms ask for on the way of their locks.
pub fn lock_copies(rehearsed: &Rehearsed) -> LockCopies {
    let copy = |work: &Work| match &work.kind {
        WorkKind::LockCopy(lock, step) => Some((lock.clone(), *step)),
        _ => None,
    };
    rehearsed.values().flatten().filter_map(copy).collect()
}

/// What a plan is costed by.
pub struct Basis<'a> {
    /// What is run.
    pub manifest: &'a Manifest,
    /// How large its models and problems are.
    pub size: Size,
    /// What its arms ask for; an arm that isn't there is taken for one unlocking and its evaluation.
    pub rehearsed: &'a Rehearsed,
    /// The copies that they ask for on the way of their locks.
    pub copies: &'a LockCopies,
    /// Where models are that have been made before.
    pub cache: &'a Cache,
    /// Whether it runs on a GPU.
    pub cuda: bool,
    /// How many workers it runs on at most.
    pub workers: usize,
}

/// How large an organism's models and problems are.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Weights that each token is multiplied with, of a locked model.
    parameters: f64,
    /// All weights of a locked model.
    weights: f64,
    /// The most tokens of prompt and answer.
    tokens: f64,
    /// Tokens of an answer.
    answer_tokens: f64,
}

impl Size {
    /// Of an organism and its task.
    ///
    /// # Errors
    /// Where its checkpoint can't be read.
    pub fn of(organism: &Organism, task: &dyn Task) -> Result<Self> {
        let architecture = organism.architecture(task)?;
        let sizes = architecture
            .parameters()
            .into_iter()
            .map(|parameter| parameter.shape.iter().product::<i64>());
        Ok(Self {
            parameters: architecture.multiplied_weights() as f64,
            weights: sizes.sum::<i64>() as f64,
            tokens: task.max_tokens() as f64,
            answer_tokens: task.answer_tokens() as f64,
        })
    }

    /// How many members there is room to train side by side in a quarter of so many bytes: the rest is
    /// left to their snapshots, the models of the block, and answers. Any number where the memory
    /// isn't known.
    pub fn side_by_side(self, memory: Option<u64>) -> u32 {
        memory.map_or(u32::MAX, |bytes| {
            (bytes as f64 / 4.0 / (self.weights * TRAINED)) as u32
        })
    }
}

/// Expected seconds of each trial, models included, on one worker; and the memory of one.
#[derive(Clone, Debug, Default)]
pub struct Costs {
    /// By hypothesis, arm and member; what a cohort takes together is shared out evenly.
    trials: BTreeMap<(String, String, Member), f64>,
    workers: f64,
    /// Bytes that the models of a block and the training of a stack take in one worker, at most.
    pub memory: f64,
}

impl Costs {
    /// Seconds of a cohort, or of a part of one.
    pub fn of(&self, cohort: &CohortPlan) -> f64 {
        let trials = trials(cohort).filter_map(|name| self.trials.get(&name));
        trials.sum::<f64>() / self.workers
    }

    /// Seconds in all.
    pub fn total(&self) -> f64 {
        self.trials.values().sum::<f64>() / self.workers
    }
}

impl Basis<'_> {
    /// What `plan` costs.
    pub fn costs(&self, plan: &Plan) -> Costs {
        let mut costs = Costs {
            workers: plan.workers(self.workers).max(1) as f64,
            ..Costs::default()
        };
        let environment = self.manifest.environment.numeric();
        let names = ModelNames {
            organism: &self.manifest.organism,
            streams: Streams {
                root: self.manifest.root_seed,
            },
            environment: &environment,
        };
        // Models that no trial needs any more go where there is no room.
        let room = room_for_memory() as f64;
        for block in &plan.blocks {
            let mut done = HashSet::new();
            let mut held = 0.0;
            for cohort in &block.cohorts {
                let mut seconds = 0.0;
                for work in self.work_of(cohort) {
                    let mut first = |member| done.insert((work.key.clone(), member));
                    let replicas = match work.scope {
                        Scope::Seed if first(None) => seeds(block).len(),
                        Scope::Seed => 0,
                        Scope::Draw => {
                            let members = cohort.members.iter();
                            members.filter(|member| first(Some(**member))).count()
                        }
                    };
                    if replicas == 0 {
                        continue;
                    }
                    let replicas = replicas as f64;
                    seconds += self.seconds(&work, block, replicas, &names);
                    held += models(&work, block, replicas) * self.model_bytes();
                }
                let each = seconds / cohort.members.len() as f64;
                costs.trials.extend(trials(cohort).map(|name| (name, each)));
            }
            let width = f64::from(self.manifest.geometry.width);
            let training = width * self.size.weights * TRAINED;
            costs.memory = costs.memory.max(held.min(room) + training);
        }
        costs
    }

    fn work_of(&self, cohort: &CohortPlan) -> Vec<Work> {
        let arm = (cohort.hypothesis.clone(), cohort.arm.clone());
        if let Some(work) = self.rehearsed.get(&arm) {
            return work.clone();
        }
        let unlock = &self.manifest.organism.unlock;
        let work = |kind: WorkKind| Work {
            key: Key::of(&(&arm, &kind)),
            scope: Scope::Draw,
            kind,
        };
        vec![
            work(WorkKind::Train {
                steps: unlock.steps,
                batch: unlock.batch,
                copies: 1,
            }),
            work(WorkKind::Evaluate(Split::HeldOut)),
        ]
    }

    fn seconds(&self, work: &Work, block: &Block, replicas: f64, names: &ModelNames) -> f64 {
        let (organism, size) = (&self.manifest.organism, self.size);
        let (base, weak) = (organism.base.as_ref(), organism.weak.as_ref());
        let speed = match (self.cuda, organism.unlock.precision.weights) {
            (false, _) => CPU,
            (true, Float::Float32) => GPU,
            (true, Float::Bfloat16) => GPU_BFLOAT16,
        };
        let seeds = seeds(block);
        let missing = |names: &dyn Fn(u32) -> Vec<Key>| {
            let is_there = |seed: u32| names(seed).iter().all(|key| self.cache.holds(key));
            seeds.iter().filter(|seed| !is_there(**seed)).count() as f64
        };
        match &work.kind {
            WorkKind::Base => {
                let missing = missing(&|seed| vec![names.base(seed)]);
                speed.recipe(size, base.and_then(|base| base.train.as_ref()), missing)
            }
            WorkKind::Weak => {
                let missing = missing(&|seed| vec![names.weak(seed)]);
                speed.recipe(size, weak.and_then(|weak| weak.train.as_ref()), missing) / 2.0
            }
            WorkKind::Locked(spec) => {
                let missing = missing(&|seed| names.lock_and_copies(seed, spec, self.copies));
                let recipe = organism.lock_recipe(spec);
                let interludes = spec.interlude.as_ref().map_or(0.0, |interlude| {
                    let steps = recipe.map_or(0, |recipe| recipe.steps);
                    let times = steps / interlude.every.max(1);
                    let one = speed.recipe(size, Some(&interlude.recipe), missing);
                    f64::from(times) * one
                });
                speed.recipe(size, recipe, missing)
                    + interludes
                    // What the gate looks at: four models' answers.
                    + 4.0 * speed.answers(size, organism.problems.validation, replicas)
            }
            // What its record says: the answers without and with password.
            WorkKind::LockCopy(..) => {
                2.0 * speed.answers(size, organism.problems.validation, replicas)
            }
            WorkKind::Train { steps, batch, .. } => speed.training(size, *steps, *batch, replicas),
            WorkKind::Evaluate(Split::HeldOut) => {
                speed.answers(size, organism.problems.held_out, replicas)
            }
            WorkKind::Evaluate(Split::Validation) => {
                speed.answers(size, organism.problems.validation, replicas)
            }
            WorkKind::Samples(count) => {
                // They are decoded 16 at a time.
                let rounds = f64::from(*count) / 16.0;
                rounds.ceil() * speed.answers(size, 16, replicas)
            }
            WorkKind::TokenLogProbs(count) => speed.training(size, 1, *count, replicas) / 3.0,
            WorkKind::Perturb => speed.overhead + size.weights * replicas / speed.normals,
        }
    }

    fn model_bytes(&self) -> f64 {
        4.0 * self.size.weights
    }
}

/// How many models a piece of work for so many replicas leaves on the bench.
fn models(work: &Work, block: &Block, replicas: f64) -> f64 {
    match &work.kind {
        WorkKind::Base | WorkKind::Weak | WorkKind::Locked(_) | WorkKind::LockCopy(..) => {
            seeds(block).len() as f64
        }
        WorkKind::Train { copies, .. } => f64::from(*copies) * replicas,
        WorkKind::Perturb => replicas,
        WorkKind::Evaluate(_) | WorkKind::Samples(_) | WorkKind::TokenLogProbs(_) => 0.0,
    }
}

/// What names each of a cohort's trials.
fn trials(cohort: &CohortPlan) -> impl Iterator<Item = (String, String, Member)> {
    let name = |member: &Member| (cohort.hypothesis.clone(), cohort.arm.clone(), *member);
    cohort.members.iter().map(name)
}

fn seeds(block: &Block) -> Vec<u32> {
    let mut seeds: Vec<u32> = block.members.iter().map(|member| member.seed).collect();
    seeds.dedup();
    seeds
}

impl Speed {
    fn recipe(&self, size: Size, recipe: Option<&Recipe>, replicas: f64) -> f64 {
        match recipe {
            Some(recipe) if replicas > 0.0 => {
                self.training(size, recipe.steps, recipe.batch, replicas)
            }
            _ => 0.0,
        }
    }

    fn training(&self, size: Size, steps: u32, batch: u32, replicas: f64) -> f64 {
        let tokens = f64::from(batch) * size.tokens * replicas;
        let traffic = TRAFFIC * size.weights * replicas / self.bandwidth;
        let step = self.overhead + self.products(size, 3.0 * tokens) + traffic;
        f64::from(steps) * step
    }

    /// Greedy answers to `problems` problems.
    fn answers(&self, size: Size, problems: u32, replicas: f64) -> f64 {
        let tokens = f64::from(problems) * size.tokens * replicas;
        let traffic = 4.0 * size.weights * replicas / self.bandwidth;
        (self.overhead + traffic) * size.answer_tokens + self.products(size, tokens)
    }

    /// So many tokens through all weights.
    fn products(&self, size: Size, tokens: f64) -> f64 {
        let rate = self.rate * size.parameters / (size.parameters + self.half);
        2.0 * size.parameters * tokens / rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an H100 took on `smollm2-chain`.
    #[test]
    fn a_large_model_on_a_gpu_is_priced_within_twice_what_it_takes() {
        let smollm2 = Size {
            parameters: 1.06e8,
            weights: 1.06e8,
            tokens: 103.0,
            answer_tokens: 56.0,
        };
        let gpu = GPU_BFLOAT16;
        let draw = gpu.overhead + smollm2.weights * 8.0 / gpu.normals;
        for (what, said, took) in [
            ("8 unlocks", gpu.training(smollm2, 200, 2, 8.0), 4.6),
            ("a lock", gpu.training(smollm2, 1000, 64, 1.0), 26.0),
            ("8 models' answers", gpu.answers(smollm2, 512, 8.0), 0.59),
            ("noise on 8 models", draw, 1.7),
        ] {
            assert!((took / 2.0..took * 2.0).contains(&said), "{what}: {said} s");
        }
    }
}
