//! Operations: requests with their handles resolved, named by key, and grouped by shape.

use std::rc::Rc;

use picklock_sdk::{Distance, LockSpec, Noise, Questions, Recipe, Samples, Score};
use serde::Serialize;

use super::Member;
use super::bench::Held;
use super::record::Measure;
use crate::organism::Key;

/// Something to do with models.
#[derive(Clone)]
pub enum Operation {
    /// Make the seed's base model.
    Base { seed: u32 },
    /// Make the seed's weak model.
    Weak { seed: u32 },
    /// Make the seed's locked model.
    Locked { seed: u32, spec: LockSpec },
    /// Fine-tune a model.
    Train {
        model: Rc<Held>,
        samples: Samples,
        recipe: Recipe,
        member: Member,
    },
    /// Add noise.
    Perturb { model: Rc<Held>, noise: Noise },
    /// Measure how far two models are apart.
    Distance { from: Rc<Held>, to: Rc<Held> },
    /// Ask and grade.
    Evaluate {
        model: Rc<Held>,
        questions: Questions,
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
    Models(Vec<Rc<Held>>),
    /// Norms.
    Distance(Distance),
    /// Graded answers (without a name), and their score.
    Evaluation(Rc<Measure>, Score),
    /// Samples.
    Samples(Samples),
}

/// How far an operation's result is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// By all draws of a seed.
    Seed,
    /// By one draw.
    Draw,
}

impl Operation {
    /// Names the result: operations of one key give the same.
    pub fn key(&self) -> Key {
        match self {
            Self::Base { seed } => Key::of(&("base", seed)),
            Self::Weak { seed } => Key::of(&("weak", seed)),
            Self::Locked { seed, spec } => Key::of(&("locked", seed, spec)),
            Self::Train {
                model,
                samples,
                recipe,
                member,
            } => Key::of(&("train", &model.key, samples, recipe, member)),
            Self::Perturb { model, noise } => Key::of(&("perturb", &model.key, noise)),
            Self::Distance { from, to } => Key::of(&("distance", &from.key, &to.key)),
            Self::Evaluate { model, questions } => Key::of(&("evaluate", &model.key, questions)),
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
        #[derive(Serialize)]
        struct Lengths(Vec<(usize, usize)>);
        match self {
            Self::Base { .. } => Key::of(&"base"),
            Self::Weak { .. } => Key::of(&"weak"),
            Self::Locked { spec, .. } => Key::of(&("locked", spec)),
            Self::Train {
                model,
                samples,
                recipe,
                ..
            } => {
                let lengths = samples
                    .iter()
                    .map(|s| (s.question.len(), s.answer.len()))
                    .collect();
                Key::of(&("train", &model.shape, Lengths(lengths), recipe))
            }
            Self::Perturb { model, noise } => {
                let per_tensor = matches!(noise.magnitude, picklock_sdk::Magnitude::PerTensor(_));
                Key::of(&("perturb", &model.shape, per_tensor))
            }
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
            Self::Train { .. } | Self::Perturb { .. } | Self::Samples { .. } => Scope::Draw,
            Self::Evaluate { model, .. } => model.scope,
            Self::Distance { from, to } => match (from.scope, to.scope) {
                (Scope::Seed, Scope::Seed) => Scope::Seed,
                _ => Scope::Draw,
            },
        }
    }
}
