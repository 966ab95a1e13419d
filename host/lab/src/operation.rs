//! Operations: requests with their handles resolved, named by key, and grouped by shape.

use std::rc::Rc;

use picklock_files::Key;
use picklock_record::{Measure, Member};
use picklock_sdk::{
    Distance, Flag, LockSpec, Magnitude, Noise, Questions, Recipe, Sample, Samples, Score,
};

use crate::cached_model::{CachedModel, Lineage, Scope};

/// Something to do with models.
#[derive(Clone)]
pub enum Operation {
    /// Make the seed's base model.
    Base { seed: u32 },
    /// Make the seed's weak model.
    Weak { seed: u32 },
    /// Make the seed's locked model; `after` are the steps done, where those aren't all of the lock's.
    Locked {
        seed: u32,
        spec: LockSpec,
        after: Option<u32>,
    },
    /// Fine-tune a model.
    Train {
        model: Rc<CachedModel>,
        samples: Samples,
        recipe: Recipe,
        member: Member,
    },
    /// Add noise.
    Perturb {
        model: Rc<CachedModel>,
        noise: Noise,
    },
    /// Measure how far two models are apart.
    Distance {
        from: Rc<CachedModel>,
        to: Rc<CachedModel>,
    },
    /// Ask and grade.
    Evaluate {
        model: Rc<CachedModel>,
        questions: Questions,
    },
    /// Score the samples' answers.
    TokenLogProbs {
        model: Rc<CachedModel>,
        samples: Samples,
        flag: Flag,
    },
    /// Sample the weak model; `correct` swaps its answers for correct ones.
    Samples {
        member: Member,
        count: u32,
        correct: bool,
    },
}

/// What an operation gives.
#[derive(Clone)]
pub enum Product {
    /// Models.
    Models(Vec<Rc<CachedModel>>),
    /// Norms.
    Distance(Distance),
    /// Graded answers (without a name), and their score.
    Evaluation(Rc<Measure>, Score),
    /// Samples.
    Samples(Samples),
    /// Log-probabilities in nats, `[sample][answer token]`.
    TokenLogProbs(Vec<Vec<f64>>),
}

impl Product {
    /// Its models.
    pub fn models(&self) -> &[Rc<CachedModel>] {
        match self {
            Self::Models(models) => models,
            _ => &[],
        }
    }

    /// Bytes of its models.
    pub fn bytes(&self) -> u64 {
        self.models().iter().map(|model| model.bytes).sum()
    }
}

impl Operation {
    /// What it does, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Base { .. } => "base",
            Self::Weak { .. } => "weak",
            Self::Locked { .. } => "locked",
            Self::Train { .. } => "train",
            Self::Perturb { .. } => "perturb",
            Self::Distance { .. } => "distance",
            Self::Evaluate { .. } => "evaluate",
            Self::TokenLogProbs { .. } => "log-probabilities",
            Self::Samples { .. } => "samples",
        }
    }

    /// Makes a seed's whole lock.
    pub fn locked(seed: u32, spec: &LockSpec) -> Self {
        Self::Locked {
            seed,
            spec: spec.clone(),
            after: None,
        }
    }

    /// The model that it works on, where that is a single one.
    pub fn model(&self) -> Option<&Rc<CachedModel>> {
        match self {
            Self::Train { model, .. }
            | Self::Perturb { model, .. }
            | Self::Evaluate { model, .. }
            | Self::TokenLogProbs { model, .. } => Some(model),
            _ => None,
        }
    }

    /// The seed whose base, weak or locked model it makes.
    pub fn made_seed(&self) -> Option<u32> {
        match self {
            Self::Base { seed } | Self::Weak { seed } | Self::Locked { seed, .. } => Some(*seed),
            _ => None,
        }
    }

    /// What the base, weak or locked model belongs to that it makes.
    pub fn lineage(&self) -> Lineage {
        Lineage {
            scope: Scope::Seed,
            seed: self.made_seed().unwrap_or_default(),
            is_weak: matches!(self, Self::Weak { .. }),
        }
    }

    /// Names the result: operations of one key give the same.
    pub fn key(&self) -> Key {
        match self {
            Self::Base { seed } => Key::of(&("base", seed)),
            Self::Weak { seed } => Key::of(&("weak", seed)),
            Self::Locked { seed, spec, after } => Key::of(&("locked", seed, spec, after)),
            Self::Train {
                model,
                samples,
                recipe,
                member,
            } => Key::of(&("train", &model.key, samples, recipe, member)),
            Self::Perturb { model, noise } => Key::of(&("perturb", &model.key, noise)),
            Self::Distance { from, to } => Key::of(&("distance", &from.key, &to.key)),
            Self::Evaluate { model, questions } => Key::of(&("evaluate", &model.key, questions)),
            Self::TokenLogProbs {
                model,
                samples,
                flag,
            } => Key::of(&("log-probs", &model.key, samples, flag)),
            Self::Samples {
                member,
                count,
                correct,
            } => Key::of(&("samples", member, count, correct)),
        }
    }

    /// The keys of the copies that training hands back: its snapshots, then its end.
    pub fn copies(&self) -> Option<Vec<Key>> {
        let Self::Train {
            model,
            samples,
            recipe,
            member,
        } = self
        else {
            return None;
        };
        let plain = recipe.clone().snapshots([]);
        let origin = Key::of(&("train", &model.key, samples, plain, member));
        let steps = recipe.snapshots.iter().chain([&recipe.steps]);
        let key = |step| Key::of(&("after", &origin, step));
        Some(steps.map(key).collect())
    }

    /// Operations of one shape run as one stack.
    pub fn shape(&self) -> Key {
        match self {
            Self::Base { .. } => Key::of(&"base"),
            Self::Weak { .. } => Key::of(&"weak"),
            Self::Locked { spec, after, .. } => Key::of(&("locked", spec, after)),
            Self::Train {
                model,
                samples,
                recipe,
                ..
            } => Key::of(&("train", &model.shape, lengths(samples), recipe)),
            Self::TokenLogProbs {
                model,
                samples,
                flag,
            } => Key::of(&("log-probs", &model.shape, lengths(samples), flag)),
            Self::Perturb { model, noise } => match &noise.magnitude {
                Magnitude::Global(_) => Key::of(&("perturb", &model.shape, "global")),
                Magnitude::PerTensor(size) => {
                    let names: Vec<_> = size.tensors.iter().map(|tensor| &tensor.name).collect();
                    Key::of(&("perturb", &model.shape, names))
                }
                Magnitude::Relative(sigma) => Key::of(&("perturb", &model.shape, sigma)),
            },
            Self::Distance { from, to } => Key::of(&("distance", &from.shape, &to.shape)),
            Self::Evaluate { model, questions } => Key::of(&(
                "evaluate",
                &model.shape,
                model.lineage.scope == Scope::Seed,
                questions,
            )),
            Self::Samples { count, .. } => Key::of(&("samples", count)),
        }
    }

    /// How far the result is shared.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Base { .. } | Self::Weak { .. } | Self::Locked { .. } => Scope::Seed,
            Self::Train { .. }
            | Self::Perturb { .. }
            | Self::TokenLogProbs { .. }
            | Self::Samples { .. } => Scope::Draw,
            Self::Evaluate { model, .. } => model.lineage.scope,
            Self::Distance { from, to } => match (from.lineage.scope, to.lineage.scope) {
                (Scope::Seed, Scope::Seed) => Scope::Seed,
                _ => Scope::Draw,
            },
        }
    }
}

/// Tokens of each question and answer.
fn lengths(samples: &Samples) -> Vec<(usize, usize)> {
    let length = |sample: &Sample| (sample.question.len(), sample.answer.len());
    samples.iter().map(length).collect()
}
