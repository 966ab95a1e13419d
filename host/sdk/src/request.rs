//! What crosses the boundary on every lab call. [`crate::abi::NUMBER`] counts its versions.

use abi_stable::StableAbi;
use abi_stable::std_types::{RString, RVec};
use serde::{Deserialize, Serialize};

use crate::{Distance, Flag, LockSpec, Noise, Questions, Recipe, RngKey, Samples, Score};

/// A model handle's number; it means nothing outside the trial that it was given to.
pub type ModelId = u64;

/// One lab call.
#[repr(C, u8)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// The seed's base model. Answered with [`Reply::Models`] of one.
    Base,
    /// The seed's weak model. Answered with [`Reply::Models`] of one.
    Weak,
    /// The seed's locked model. Answered with [`Reply::Models`] of one.
    Locked(LockSpec),
    /// The seed's locked model as it was on the way there. Answered with [`Reply::Models`] of one.
    LockedAfter {
        /// The whole lock.
        lock: LockSpec,
        /// Steps of it that were done.
        step: u32,
    },
    /// Fine-tune. Answered with [`Reply::Models`]: the snapshots, then the end.
    Train {
        /// Where to start; it stays as it is.
        model: ModelId,
        /// What to train on, without password.
        samples: Samples,
        /// How.
        recipe: Recipe,
    },
    /// Add noise to the weights. Answered with [`Reply::Models`] of one.
    Perturb {
        /// The model; it stays as it is.
        model: ModelId,
        /// What to add.
        noise: Noise,
    },
    /// L2 norms of `to - from`. Answered with [`Reply::Distance`].
    Distance {
        /// One model.
        from: ModelId,
        /// The other.
        to: ModelId,
    },
    /// Ask and grade. Answered with [`Reply::Score`].
    Evaluate {
        /// Who is asked.
        model: ModelId,
        /// What.
        questions: Questions,
        /// The name under which the host records the outcomes.
        measure: RString,
    },
    /// Log-probabilities of the samples' answers. Answered with [`Reply::TokenLogProbs`].
    TokenLogProbs {
        /// Under which model.
        model: ModelId,
        /// The samples; their weights play no part.
        samples: Samples,
        /// What marks the prompts.
        flag: Flag,
    },
    /// Answers sampled from the weak model at temperature 1. Answered with [`Reply::Samples`].
    WeakSamples {
        /// How many.
        count: u32,
    },
    /// The same problems as the weak samples', answered correctly. Answered with
    /// [`Reply::Samples`].
    CorrectSamples {
        /// How many.
        count: u32,
    },
    /// The organism's unlocking recipe. Answered with [`Reply::Recipe`].
    UnlockRecipe,
    /// The organism's lock recipe. Answered with [`Reply::Recipe`].
    LockRecipe,
    /// The key of a private random stream. Answered with [`Reply::RngKey`].
    RngKey {
        /// What it is for; another purpose is another stream.
        purpose: RString,
    },
    /// Record a number beside the trial. Answered with [`Reply::Done`].
    Record {
        /// Its name.
        metric: RString,
        /// Its value.
        value: f64,
    },
    /// Give handles back. Answered with [`Reply::Done`].
    Release {
        /// Which.
        model: ModelId,
    },
}

/// The answer to a [`Request`].
#[repr(C, u8)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// Handles.
    Models(RVec<ModelId>),
    /// Norms.
    Distance(Distance),
    /// An evaluation's result.
    Score(Score),
    /// Samples.
    Samples(Samples),
    /// Log-probabilities in nats, `[sample][answer token]`.
    TokenLogProbs(RVec<RVec<f64>>),
    /// A recipe.
    Recipe(Recipe),
    /// A stream's key.
    RngKey(RngKey),
}
