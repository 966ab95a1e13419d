//! An in-process lab with a scripted model, to test a plugin's logic in milliseconds.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;

use abi_stable::std_types::{RResult, RVec};
use rand::RngCore;

use crate::abi::{LabApi, LabApi_TO};
use crate::{
    Arm, Distance, Flag, Hypothesis, Lab, LabError, ModelId, Optimizer, Questions, Recipe, Reply,
    Request, Rng, RngKey, Sample, Samples, Score, TensorNorm,
};

type Accuracy = Box<dyn Fn(&str, &Questions) -> f64>;
type LogProb = Box<dyn Fn(usize, usize, Flag) -> f64>;

/// A lab without a host. Each model is the text of how it was made (`locked`, `locked+train`,
/// `locked+noise`; `locked@250` after 250 steps of its lock), and its accuracy is what the script says
/// of that text.
#[derive(Clone, Default)]
pub struct FakeLab {
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    models: Vec<String>,
    requests: Vec<Request>,
    accuracy: Option<Accuracy>,
    logprob: Option<LogProb>,
}

impl FakeLab {
    /// A lab in which every model answers half of the problems correctly.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says how accurate (0 to 1) each model is, by the text of how it was made.
    #[must_use]
    pub fn accuracy(self, script: impl Fn(&str, &Questions) -> f64 + 'static) -> Self {
        self.state.borrow_mut().accuracy = Some(Box::new(script));
        self
    }

    /// Says the log-probability in nats of each answer token, by sample, token and flag. Without
    /// this all are -1.
    #[must_use]
    pub fn logprob(self, script: impl Fn(usize, usize, Flag) -> f64 + 'static) -> Self {
        self.state.borrow_mut().logprob = Some(Box::new(script));
        self
    }

    /// Runs one arm of a hypothesis, with the parameters that its plugin declares.
    ///
    /// # Errors
    /// The trial's error, or an unknown arm.
    pub fn run<H: Hypothesis>(&self, hypothesis: &H, arm: &str) -> Result<(), LabError> {
        let arms = hypothesis.arms();
        let arm = arms.iter().find(|known| known.name() == arm);
        let arm = arm.ok_or_else(|| LabError::invalid("no such arm"))?;
        self.run_arm(hypothesis, arm)
    }

    /// Runs one arm with parameters of your own.
    ///
    /// # Errors
    /// The trial's error.
    pub fn run_arm<H: Hypothesis>(&self, hypothesis: &H, arm: &Arm) -> Result<(), LabError> {
        let api = LabApi_TO::from_value(self.clone(), abi_stable::sabi_trait::TD_Opaque);
        hypothesis.run(&mut Lab::new(api), arm)
    }

    /// Every request so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.state.borrow().requests.clone()
    }

    /// The measures evaluated so far, in order.
    pub fn measures(&self) -> Vec<String> {
        let requests = self.requests();
        let measures = requests.iter().filter_map(evaluated);
        measures.map(|(_, measure)| measure.to_string()).collect()
    }

    /// How the model that was evaluated under `measure` had been made.
    pub fn evaluated(&self, measure: &str) -> Option<String> {
        let requests = self.requests();
        let mut found = requests.iter().filter_map(evaluated);
        let (model, _) = found.find(|(_, name)| *name == measure)?;
        Some(self.state.borrow().models[model as usize].clone())
    }
}

fn evaluated(request: &Request) -> Option<(ModelId, &str)> {
    match request {
        Request::Evaluate { model, measure, .. } => Some((*model, measure)),
        _ => None,
    }
}

impl State {
    fn add(&mut self, made: &str) -> ModelId {
        self.models.push(made.to_string());
        self.models.len() as ModelId - 1
    }

    fn model(&mut self, made: &str) -> Reply {
        Reply::Models(vec![self.add(made)].into())
    }

    fn made(&self, model: ModelId) -> Result<String, LabError> {
        let made = self.models.get(model as usize).cloned();
        made.ok_or_else(|| LabError::invalid(format!("no model {model}")))
    }

    fn answer(&mut self, request: &Request) -> Result<Reply, LabError> {
        match request {
            Request::Base => Ok(self.model("base")),
            Request::Weak => Ok(self.model("weak")),
            Request::Locked(_) => Ok(self.model("locked")),
            Request::LockedAfter { lock, step } => {
                let steps = lock.steps.unwrap_or(lock_recipe().steps);
                match step.cmp(&steps) {
                    Ordering::Less => Ok(self.model(&format!("locked@{step}"))),
                    Ordering::Equal => Ok(self.model("locked")),
                    Ordering::Greater => Err(LabError::invalid(format!("step {step} of {steps}"))),
                }
            }
            Request::Train {
                model,
                samples,
                recipe,
            } => {
                if samples.is_empty() {
                    return Err(LabError::invalid("train: no samples"));
                }
                let made = format!("{}+train", self.made(*model)?);
                let models = (0..=recipe.snapshots.len()).map(|_| self.add(&made));
                Ok(Reply::Models(models.collect()))
            }
            Request::Perturb { model, .. } => {
                let made = format!("{}+noise", self.made(*model)?);
                Ok(self.model(&made))
            }
            Request::Distance { .. } => {
                let (name, l2) = ("weight".into(), 1.0);
                let tensors = vec![TensorNorm { name, l2 }].into();
                Ok(Reply::Distance(Distance { tensors }))
            }
            Request::Evaluate {
                model, questions, ..
            } => {
                let made = self.made(*model)?;
                let script = self.accuracy.as_ref();
                let accuracy = script.map_or(0.5, |script| script(&made, questions));
                Ok(Reply::Score(Score {
                    correct: (accuracy * 1000.0).round() as u32,
                    unparsed: 0,
                    problems: 1000,
                }))
            }
            Request::WeakSamples { count } => Ok(Reply::Samples(samples(*count, 3))),
            Request::CorrectSamples { count } => Ok(Reply::Samples(samples(*count, 4))),
            Request::UnlockRecipe => Ok(Reply::Recipe(recipe())),
            Request::LockRecipe => Ok(Reply::Recipe(lock_recipe())),
            Request::TokenLogProbs { samples, flag, .. } => {
                let rows = samples.iter().enumerate().map(|(index, sample)| {
                    let token = |place| {
                        let script = self.logprob.as_ref();
                        script.map_or(-1.0, |script| script(index, place, *flag))
                    };
                    (0..sample.answer.len()).map(token).collect()
                });
                Ok(Reply::TokenLogProbs(rows.collect()))
            }
            Request::RngKey { purpose } => Ok(Reply::RngKey(key(purpose))),
            Request::Record { value, .. } if !value.is_finite() => {
                Err(LabError::invalid(format!("record: {value} is not finite")))
            }
            Request::Record { .. } | Request::Release { .. } => Ok(Reply::Done),
        }
    }
}

impl LabApi for FakeLab {
    fn call(&self, request: Request) -> RResult<Reply, LabError> {
        let mut state = self.state.borrow_mut();
        let reply = state.answer(&request);
        state.requests.push(request);
        reply.into()
    }
}

fn recipe() -> Recipe {
    let optimizer = Optimizer::AdamW {
        beta1: 0.9,
        beta2: 0.999,
        weight_decay: 0.0,
    };
    Recipe::new(optimizer, 1e-4, 200, 2)
}

fn lock_recipe() -> Recipe {
    Recipe {
        steps: 1000,
        batch: 32,
        ..recipe()
    }
}

fn samples(count: u32, answer: u32) -> Samples {
    Samples::new((0..count).map(|index| Sample {
        problem: format!("unlock-{index}").into(),
        question: vec![1, 2, index].into(),
        answer: (answer..answer + 4).collect(),
        weights: RVec::new(),
    }))
}

fn key(purpose: &str) -> RngKey {
    let mut bytes = [0; 32];
    for (index, byte) in purpose.bytes().enumerate() {
        bytes[index % 32] ^= byte;
    }
    let mut rng = Rng::new(RngKey { bytes });
    rng.fill_bytes(&mut bytes);
    RngKey { bytes }
}
