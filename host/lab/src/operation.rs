//! Operations: requests with their handles resolved, named by key, and grouped by shape.

use std::rc::Rc;

use picklock_files::Key;
use picklock_record::{Measure, Member};
use picklock_sdk::{Distance, Flag, LockSpec, Magnitude, Noise, Questions, Recipe, Samples, Score};
use serde::{Deserialize, Serialize};

use crate::cached_model::CachedModel;

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

/// How far an operation's result is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// By all draws of a seed.
    Seed,
    /// By one draw.
    Draw,
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

    /// Whether it asks for the weights of a program.
    pub fn needs_weights_of_program(&self) -> bool {
        match self {
            Self::Train { model, .. }
            | Self::Perturb { model, .. }
            | Self::TokenLogProbs { model, .. } => model.is_program,
            Self::Distance { from, to } => from.is_program || to.is_program,
            _ => false,
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
        let plain = Recipe {
            snapshots: [].into_iter().collect(),
            ..recipe.clone()
        };
        let origin = Key::of(&("train", &model.key, samples, plain, member));
        let steps = recipe.snapshots.iter().chain([&recipe.steps]);
        Some(
            steps
                .map(|step| Key::of(&("after", &origin, step)))
                .collect(),
        )
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
                model.scope == Scope::Seed,
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
            Self::Evaluate { model, .. } => model.scope,
            Self::Distance { from, to } => match (from.scope, to.scope) {
                (Scope::Seed, Scope::Seed) => Scope::Seed,
                _ => Scope::Draw,
            },
        }
    }
}

/// Tokens of each question and answer.
fn lengths(samples: &Samples) -> Vec<(usize, usize)> {
    let lengths = samples
        .iter()
        .map(|sample| (sample.question.len(), sample.answer.len()));
    lengths.collect()
}
