//! A rehearsal: a plugin's arm, run on a lab that makes nothing, to learn what it will ask for. That
//! is what a plan is costed by.

use std::cell::RefCell;
use std::rc::Rc;

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::RResult;
use picklock_files::Key;
use picklock_record::{Capabilities, Organism};
use picklock_sdk::abi::{HypothesisBox, LabApi, LabApi_TO, guarded};
use picklock_sdk::{
    Arm, Distance, Flag, LabError, LockSpec, ModelId, Reply, Request, RngKey, Sample, Samples,
    Score, Split, TensorNorm,
};
use picklock_task::Task;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::cached_model::Scope;
use crate::cohort::NOTHING;

/// A piece of work that an arm asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Names it: work of one key is done once in a block.
    pub key: Key,
    /// Whether it is done once a seed, or once a draw.
    pub scope: Scope,
    /// What it is.
    #[serde(rename = "what")]
    pub kind: WorkKind,
}

/// What an arm needs of the lab.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ArmNeeds {
    /// The work that it asks for.
    pub work: Vec<Work>,
    /// What it needs and the organism doesn't support, so that its trials would fail.
    #[serde(rename = "lack")]
    pub unsupported: Option<String>,
}

/// Kinds of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkKind {
    /// The base model.
    Base,
    /// The weak model.
    Weak,
    /// A locked model.
    Locked(LockSpec),
    /// A copy of it after so many steps of its lock.
    LockCopy(LockSpec, u32),
    /// Fine-tuning.
    Train {
        /// Optimiser steps.
        steps: u32,
        /// Samples a step.
        batch: u32,
        /// Copies that are handed back.
        copies: u32,
    },
    /// Greedy answers to a split's problems.
    Evaluate(Split),
    /// Log-probabilities of this many samples.
    TokenLogProbs(u32),
    /// This many sampled answers of the weak model.
    Samples(u32),
    /// A copy with noise.
    Perturb,
}

/// Rehearses one arm.
///
/// # Errors
/// The trial's own, where its plugin doesn't get along with made-up answers.
pub fn rehearse(
    hypothesis: &HypothesisBox,
    arm: &Arm,
    organism: &Organism,
    task: &dyn Task,
) -> Result<ArmNeeds, LabError> {
    let state = Rc::new(RefCell::new(State {
        organism: organism.clone(),
        capabilities: Capabilities::of(task),
        answer_tokens: task.answer_tokens(),
        models: Vec::new(),
        needs: ArmNeeds::default(),
    }));
    let lab = LabApi_TO::from_value(Rehearsal(Rc::clone(&state)), TD_Opaque);
    let end = hypothesis.run(lab, arm.clone()).into_result();
    let mut needs = std::mem::take(&mut state.borrow_mut().needs);
    match end {
        // It did without what it was refused.
        Ok(()) => needs.unsupported = None,
        Err(error) if needs.unsupported.is_none() => return Err(error),
        Err(_) => needs.work.clear(),
    }
    Ok(needs)
}

struct Rehearsal(Rc<RefCell<State>>);

struct State {
    organism: Organism,
    capabilities: Capabilities,
    answer_tokens: usize,
    /// What each handle's model is known by, and how far it is shared.
    models: Vec<(Key, Scope)>,
    /// What was asked for so far, and what was refused last.
    needs: ArmNeeds,
}

impl LabApi for Rehearsal {
    fn call(&self, request: Request) -> RResult<Reply, LabError> {
        guarded(|| self.0.borrow_mut().answer(&request))
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Result<Reply, LabError> {
        if let Some(unsupported) = self.capabilities.unsupported(&self.organism, request) {
            self.needs.unsupported = Some(unsupported.clone());
            return Err(LabError::invalid(unsupported));
        }
        Ok(match request {
            Request::Evaluate {
                questions, measure, ..
            } if self.capabilities.leave_empty(questions, measure) => Reply::Score(NOTHING),
            Request::Base => self.made(Scope::Seed, "base", WorkKind::Base),
            Request::Weak => self.made(Scope::Seed, "weak", WorkKind::Weak),
            Request::Locked(lock) => self.locked(lock),
            Request::LockedAfter { lock, step } => self.locked_after(lock, *step)?,
            Request::Train {
                model,
                samples,
                recipe,
            } => {
                let (from, _) = self.model(*model)?;
                let kind = WorkKind::Train {
                    steps: recipe.steps,
                    batch: recipe.batch,
                    copies: recipe.snapshots.len() as u32 + 1,
                };
                let name = ("train", from, samples, recipe);
                self.note(Key::of(&name), Scope::Draw, kind);
                let copies = recipe.snapshots.iter();
                let keys = copies.map(|step| Key::of(&(&name, step)));
                let ids = keys
                    .chain([Key::of(&name)])
                    .map(|key| self.handle(key, Scope::Draw));
                Reply::Models(ids.collect())
            }
            Request::Perturb { model, noise } => {
                let (from, _) = self.model(*model)?;
                self.made(Scope::Draw, ("perturb", from, noise), WorkKind::Perturb)
            }
            Request::Distance { .. } => {
                let (name, l2) = ("weight".into(), 1.0);
                Reply::Distance(Distance {
                    tensors: [TensorNorm { name, l2 }].into_iter().collect(),
                })
            }
            Request::Evaluate {
                model, questions, ..
            } => {
                let (of, scope) = self.model(*model)?;
                let key = Key::of(&("evaluate", &of, questions));
                let made_up = rng(&key).next_u32() % 1000;
                self.note(key, scope, WorkKind::Evaluate(questions.split));
                Reply::Score(Score {
                    correct: made_up,
                    unparsed: 0,
                    problems: 1000,
                })
            }
            Request::TokenLogProbs {
                model,
                samples,
                flag,
            } => self.log_probs(*model, samples, *flag)?,
            Request::WeakSamples { count } => {
                let key = Key::of(&("samples", count));
                self.note(key, Scope::Draw, WorkKind::Samples(*count));
                match self.organism.weak {
                    Some(_) => self.made(Scope::Seed, "weak", WorkKind::Weak),
                    None => self.answer(&Request::Locked(LockSpec::plain()))?,
                };
                Reply::Samples(self.samples(*count))
            }
            Request::CorrectSamples { count } => Reply::Samples(self.samples(*count)),
            Request::UnlockRecipe => Reply::Recipe(self.organism.unlock.clone()),
            Request::LockRecipe => {
                let lock = self.organism.lock();
                let lock = lock.map_err(|error| LabError::invalid(error.to_string()))?;
                Reply::Recipe(lock.train.clone())
            }
            Request::RngKey { purpose } => {
                let mut bytes = [0; 32];
                rng(&Key::of(purpose)).fill_bytes(&mut bytes);
                Reply::RngKey(RngKey { bytes })
            }
            Request::Record { .. } | Request::Release { .. } => Reply::Done,
        })
    }

    fn model(&self, id: ModelId) -> Result<(Key, Scope), LabError> {
        let model = self.models.get(id as usize).cloned();
        model.ok_or_else(|| LabError::invalid(format!("no model {id}")))
    }

    fn handle(&mut self, key: Key, scope: Scope) -> ModelId {
        self.models.push((key, scope));
        self.models.len() as ModelId - 1
    }

    fn made(&mut self, scope: Scope, name: impl Serialize, kind: WorkKind) -> Reply {
        let key = Key::of(&name);
        self.note(key.clone(), scope, kind);
        Reply::Models([self.handle(key, scope)].into_iter().collect())
    }

    /// A copy takes its whole lock, which is trained once for all of its copies.
    fn locked_after(&mut self, lock: &LockSpec, step: u32) -> Result<Reply, LabError> {
        let whole = self.locked(lock);
        Ok(match self.organism.step_on_the_way(lock, step)? {
            None => whole,
            Some(step) => {
                let kind = WorkKind::LockCopy(lock.clone(), step);
                self.made(Scope::Seed, (("locked", lock), step), kind)
            }
        })
    }

    fn locked(&mut self, lock: &LockSpec) -> Reply {
        let kind = WorkKind::Locked(lock.clone());
        self.made(Scope::Seed, ("locked", lock), kind)
    }

    fn note(&mut self, key: Key, scope: Scope, kind: WorkKind) {
        self.needs.work.push(Work { key, scope, kind });
    }

    /// Log-probabilities that are sometimes above, sometimes below those under another flag.
    fn log_probs(
        &mut self,
        model: ModelId,
        samples: &Samples,
        flag: Flag,
    ) -> Result<Reply, LabError> {
        let (of, scope) = self.model(model)?;
        let key = Key::of(&("log-probs", of, samples, flag));
        let mut rng = rng(&key);
        self.note(key, scope, WorkKind::TokenLogProbs(samples.len() as u32));
        let mut nats = |_| -3.0 * f64::from(rng.next_u32()) / f64::from(u32::MAX);
        let row = |sample: &Sample| (0..sample.answer.len()).map(&mut nats).collect();
        Ok(Reply::TokenLogProbs(samples.iter().map(row).collect()))
    }

    fn samples(&self, count: u32) -> Samples {
        let tokens = self.answer_tokens as u32;
        Samples::new((0..count).map(|index| Sample {
            problem: format!("unlock-{index}").into(),
            question: [index].into_iter().collect(),
            answer: (0..tokens).collect(),
            weights: [].into_iter().collect(),
        }))
    }
}

fn rng(key: &Key) -> ChaCha8Rng {
    let mut seed = [0; 32];
    for (byte, letter) in seed.iter_mut().zip(key.to_string().bytes()) {
        *byte = letter;
    }
    ChaCha8Rng::from_seed(seed)
}
