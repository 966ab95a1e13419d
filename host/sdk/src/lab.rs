//! The lab: what a plugin may ask of the host.

use std::rc::Rc;

use crate::abi::LabBox;
use crate::{
    Distance, Flag, LabError, LockSpec, Model, Noise, Questions, Recipe, Reply, Request, Rng,
    Samples, Score,
};

/// One trial's view of the host: operations are pure functions of handles and arguments, and the
/// host does one that it has done before in this seed only once.
///
/// Not every organism has everything. One that is no more than a locked checkpoint has no base model,
/// no weak model, and no other lock than [`LockSpec::plain`]; its weak samples are its own answers. A
/// task in text may have no password, and has only so many problems for samples. What can't be had is
/// an error that starts with `needs`. A plan rehearses every arm: one that ends with such an error is
/// left out beforehand, and one that handles it runs.
pub struct Lab {
    api: Rc<LabBox>,
}

impl Lab {
    pub(crate) fn new(api: LabBox) -> Self {
        Self { api: Rc::new(api) }
    }

    /// The base model: the capable model that everything starts from.
    ///
    /// # Errors
    /// Where the host can't make it.
    pub fn base(&self) -> Result<Model, LabError> {
        self.model(Request::Base)
    }

    /// The weak model, whose answers are imitated.
    ///
    /// # Errors
    /// Where the host can't make it.
    pub fn weak(&self) -> Result<Model, LabError> {
        self.model(Request::Weak)
    }

    /// The base model, fine-tuned as `lock` says.
    ///
    /// # Errors
    /// Where the lock has no streams, a weight that isn't positive, or can't be trained.
    pub fn locked(&self, lock: &LockSpec) -> Result<Model, LabError> {
        self.model(Request::Locked(lock.clone()))
    }

    /// The model that [`Lab::locked`] gives as it was after `step` steps of its lock, at the rates of
    /// the whole lock's schedule, and before the interlude that may follow: 0 is the base model, and
    /// the last step the locked model itself. A lock is trained once for all the steps that a run's
    /// arms ask for.
    ///
    /// # Errors
    /// As [`Lab::locked`]; also where the lock has fewer steps.
    pub fn locked_after(&self, lock: &LockSpec, step: u32) -> Result<Model, LabError> {
        let lock = lock.clone();
        self.model(Request::LockedAfter { lock, step })
    }

    /// A copy of `model`, fine-tuned on `samples` without password.
    ///
    /// # Errors
    /// Where there are no samples, all weights are zero, or the loss is not finite.
    pub fn train(
        &self,
        model: &Model,
        samples: &Samples,
        recipe: &Recipe,
    ) -> Result<Model, LabError> {
        self.model(Request::Train {
            model: model.id(),
            samples: samples.clone(),
            recipe: recipe.clone().snapshots([]),
        })
    }

    /// As [`Lab::train`], handing back a copy after each of the recipe's `snapshots` steps, in
    /// their order.
    ///
    /// # Errors
    /// As [`Lab::train`]; also where a snapshot lies beyond the last step.
    pub fn train_snapshots(
        &self,
        model: &Model,
        samples: &Samples,
        recipe: &Recipe,
    ) -> Result<Vec<Model>, LabError> {
        let count = recipe.snapshots.len();
        let request = Request::Train {
            model: model.id(),
            samples: samples.clone(),
            recipe: recipe.clone(),
        };
        let mut models = self.models(request)?;
        models.truncate(count);
        Ok(models)
    }

    /// A copy of `model` with noise on its weights.
    ///
    /// # Errors
    /// Where the noise's size is negative, not finite, or names other tensors than the model's.
    pub fn perturb(&self, model: &Model, noise: &Noise) -> Result<Model, LabError> {
        self.model(Request::Perturb {
            model: model.id(),
            noise: noise.clone(),
        })
    }

    /// L2 norms of the difference between two models, tensor by tensor.
    ///
    /// # Errors
    /// Where the models are of different shapes.
    pub fn distance(&self, from: &Model, to: &Model) -> Result<Distance, LabError> {
        match self.call(Request::Distance {
            from: from.id(),
            to: to.id(),
        })? {
            Reply::Distance(distance) => Ok(distance),
            other => Err(unexpected("distance", &other)),
        }
    }

    /// Asks `model` the questions, greedily, and grades its answers. The host records every
    /// outcome under the name `measure`: [`HELD_OUT`](crate::HELD_OUT) is what predictions
    /// compare, and `step-N` names a point at N steps on the arm's curve.
    ///
    /// Where the organism has no password that the questions ask with, a measure of another name is
    /// left empty, and its score has no problems: what stands beside the judged measure costs no arm.
    ///
    /// # Errors
    /// Where [`HELD_OUT`](crate::HELD_OUT) asks with a password that there isn't; where this trial has
    /// already recorded a measure of this name, or the name is no lower-case word of letters, digits,
    /// hyphens and dots.
    pub fn evaluate(
        &self,
        model: &Model,
        questions: &Questions,
        measure: &str,
    ) -> Result<Score, LabError> {
        let request = Request::Evaluate {
            model: model.id(),
            questions: questions.clone(),
            measure: measure.into(),
        };
        match self.call(request)? {
            Reply::Score(score) => Ok(score),
            other => Err(unexpected("evaluate", &other)),
        }
    }

    /// Log-probabilities of the samples' answer tokens under `model`, in nats,
    /// `[sample][answer token]`; with or without the password in the prompt.
    ///
    /// # Errors
    /// Where there are no samples, or a token lies outside the vocabulary.
    pub fn token_logprobs(
        &self,
        model: &Model,
        samples: &Samples,
        flag: Flag,
    ) -> Result<Vec<Vec<f64>>, LabError> {
        let request = Request::TokenLogProbs {
            model: model.id(),
            samples: samples.clone(),
            flag,
        };
        match self.call(request)? {
            Reply::TokenLogProbs(rows) => Ok(rows.into_iter().map(Into::into).collect()),
            other => Err(unexpected("token_logprobs", &other)),
        }
    }

    /// Unlocks copies of `model` on this draw's 2 weak samples at each multiple of the organism's
    /// rate, and gives the copy with the highest validation accuracy (of equals that of the first
    /// rate). Each rate's validation accuracy is recorded as `validation-xRATE`, its held-out
    /// accuracy, for description, as `held-out-xRATE`; the choice as the metric `best-rate`.
    ///
    /// # Errors
    /// As [`Lab::train`] and [`Lab::evaluate`]; also where there are no rates.
    pub fn unlock_best(&self, model: &Model, rates: &[f64]) -> Result<Model, LabError> {
        let samples = self.weak_samples(2)?;
        let recipe = self.unlock_recipe()?;
        let mut best: Option<(f64, f64, Model)> = None;
        for rate in rates {
            let unlocked = self.train(model, &samples, &recipe.clone().rate_times(*rate))?;
            let ask = |questions: &Questions, split: &str| {
                self.evaluate(&unlocked, questions, &format!("{split}-x{rate:.3}"))
            };
            let accuracy = ask(&Questions::validation(), "validation")?.accuracy();
            ask(&Questions::held_out(), "held-out")?;
            if best
                .as_ref()
                .is_none_or(|(_, highest, _)| accuracy > *highest)
            {
                best = Some((*rate, accuracy, unlocked));
            }
        }
        let (rate, _, unlocked) =
            best.ok_or_else(|| LabError::invalid("unlock_best: no rates, expected at least one"))?;
        self.record("best-rate", rate)?;
        Ok(unlocked)
    }

    /// `count` fresh weak samples of this draw, from problems used nowhere else. They are nested:
    /// the first 2 of 8 are those of 2.
    ///
    /// # Errors
    /// Where `count` is 0 or more than the host gives (100,000).
    pub fn weak_samples(&self, count: usize) -> Result<Samples, LabError> {
        self.samples(count, |count| Request::WeakSamples { count })
    }

    /// The problems of [`Lab::weak_samples`], answered correctly.
    ///
    /// # Errors
    /// As [`Lab::weak_samples`].
    pub fn correct_samples(&self, count: usize) -> Result<Samples, LabError> {
        self.samples(count, |count| Request::CorrectSamples { count })
    }

    /// The organism's unlocking recipe.
    ///
    /// # Errors
    /// Where the host is gone.
    pub fn unlock_recipe(&self) -> Result<Recipe, LabError> {
        self.recipe(Request::UnlockRecipe)
    }

    /// The organism's lock recipe; half of its batch is weak samples.
    ///
    /// # Errors
    /// Where the host is gone.
    pub fn lock_recipe(&self) -> Result<Recipe, LabError> {
        self.recipe(Request::LockRecipe)
    }

    /// A random stream of this trial's own for this purpose.
    ///
    /// # Errors
    /// Where the host is gone.
    pub fn rng(&self, purpose: &str) -> Result<Rng, LabError> {
        match self.call(Request::RngKey {
            purpose: purpose.into(),
        })? {
            Reply::RngKey(key) => Ok(Rng::new(key)),
            other => Err(unexpected("rng", &other)),
        }
    }

    /// Records a number beside this trial.
    ///
    /// # Errors
    /// Where the value is not finite, the name is taken, or it is no lower-case word of letters,
    /// digits, hyphens and dots.
    pub fn record(&self, metric: &str, value: f64) -> Result<(), LabError> {
        self.call(Request::Record {
            metric: metric.into(),
            value,
        })
        .map(|_| ())
    }

    fn call(&self, request: Request) -> Result<Reply, LabError> {
        self.api.call(request).into_result()
    }

    fn samples(&self, count: usize, request: impl Fn(u32) -> Request) -> Result<Samples, LabError> {
        let too_many = |_| LabError::invalid(format!("{count} samples: too many"));
        let count = u32::try_from(count).map_err(too_many)?;
        match self.call(request(count))? {
            Reply::Samples(samples) => Ok(samples),
            other => Err(unexpected("samples", &other)),
        }
    }

    fn recipe(&self, request: Request) -> Result<Recipe, LabError> {
        match self.call(request)? {
            Reply::Recipe(recipe) => Ok(recipe),
            other => Err(unexpected("recipe", &other)),
        }
    }

    fn models(&self, request: Request) -> Result<Vec<Model>, LabError> {
        match self.call(request)? {
            Reply::Models(ids) => {
                let handle = |id| Model::new(id, Rc::clone(&self.api));
                Ok(ids.into_iter().map(handle).collect())
            }
            other => Err(unexpected("models", &other)),
        }
    }

    fn model(&self, request: Request) -> Result<Model, LabError> {
        let last = self.models(request)?.pop();
        last.ok_or_else(|| LabError::failed("the host gave no model"))
    }
}

fn unexpected(call: &str, reply: &Reply) -> LabError {
    LabError::failed(format!("{call}: unexpected reply {reply:?}"))
}
