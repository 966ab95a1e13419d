//! A cohort: trials of one arm that differ only in seed or draw, run side by side.
//!
//! Each member's plugin call has a thread of its own. The executor gathers one request from every
//! live member, then executes requests of the same shape as one stack: the grouping follows from
//! what the members ask, never from timing.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use abi_stable::sabi_trait::TD_Opaque;
use picklock_files::Key;
use picklock_record::{Capabilities, Measure, Member, Metric, Outcome, TrialRecord};
use picklock_sdk::abi::{HypothesisBox, LabApi_TO};
use picklock_sdk::{Arm, LabError, ModelId, Reply, Request, RngKey, Score};

use crate::bench::Bench;
use crate::cached_model::CachedModel;
use crate::member::{Event, MemberLab};
use crate::operation::{Operation, Product};
use crate::waiting::receive;

/// Why a cohort could not be finished in this process.
#[derive(Debug, thiserror::Error)]
pub enum CohortError {
    /// A member computed on its own for longer than it may; its thread can't be stopped.
    #[error("no lab call and no end for {seconds} s (time_limit_s){}", hint(*.waiting))]
    Hung {
        /// The limit.
        seconds: u64,
        /// Members that had asked for something meanwhile.
        waiting: usize,
    },
}

fn hint(waiting: usize) -> String {
    match waiting {
        0 => String::new(),
        waiting => format!(
            "; {waiting} others waited: a lock that is held across a lab call stops its own cohort"
        ),
    }
}

/// A cohort to run.
pub struct Cohort<'a> {
    /// The plugin.
    pub hypothesis: &'a Arc<HypothesisBox>,
    /// The hypothesis' name.
    pub name: &'a str,
    /// The arm, with all parameters.
    pub arm: &'a Arm,
    /// Its members.
    pub members: &'a [Member],
    /// How long a member may be away between two calls.
    pub time_limit: Duration,
}

impl Cohort<'_> {
    /// Runs all members to their end.
    ///
    /// # Errors
    /// Where a member hangs; the process must end, since its thread doesn't.
    pub fn run(&self, bench: &mut Bench) -> Result<Vec<TrialRecord>, CohortError> {
        let (events, inbox) = channel();
        let mut executor = Executor::new(self, bench);
        for index in 0..self.members.len() {
            let (replies, from_executor) = channel();
            executor.trials[index].replies = Some(replies);
            let lab = MemberLab {
                index,
                events: events.clone(),
                replies: from_executor,
            };
            let (hypothesis, arm) = (Arc::clone(self.hypothesis), self.arm.clone());
            // A thread that hangs can't be stopped, only left behind: it must own what it uses.
            std::thread::spawn(move || {
                let events = lab.events.clone();
                let lab = LabApi_TO::from_value(lab, TD_Opaque);
                let result = hypothesis.run(lab, arm).into_result();
                // The executor outlives its members unless the process is ending.
                let _ = events.send((index, Event::Ended(result)));
            });
        }
        drop(events);
        while executor.live().count() > 0 {
            match receive(&inbox, Some(self.time_limit)) {
                Ok((index, event)) => executor.handle(index, event),
                Err(RecvTimeoutError::Timeout) => {
                    let trials = executor.trials.iter();
                    return Err(CohortError::Hung {
                        seconds: self.time_limit.as_secs(),
                        waiting: trials.filter(|trial| trial.waiting.is_some()).count(),
                    });
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let trials = executor.trials.into_iter();
        Ok(trials.map(|trial| trial.record).collect())
    }
}

/// One member's state on the executor's side.
struct Trial {
    record: TrialRecord,
    waiting: Option<Request>,
    handles: HashMap<ModelId, Rc<CachedModel>>,
    /// To its thread, until it has ended.
    replies: Option<Sender<Result<Reply, LabError>>>,
}

/// Members' requests of one shape.
type Group = Vec<(usize, Request, Operation)>;

struct Executor<'a, 'b, 'c> {
    cohort: &'a Cohort<'a>,
    bench: &'b mut Bench<'c>,
    capabilities: Capabilities,
    trials: Vec<Trial>,
    next_handle: ModelId,
}

impl<'a, 'b, 'c> Executor<'a, 'b, 'c> {
    fn new(cohort: &'a Cohort<'a>, bench: &'b mut Bench<'c>) -> Self {
        let trial = |member: &Member| Trial {
            record: TrialRecord::new(*member, Outcome::Done),
            waiting: None,
            handles: HashMap::new(),
            replies: None,
        };
        Self {
            cohort,
            capabilities: Capabilities::of(bench.task()),
            bench,
            trials: cohort.members.iter().map(trial).collect(),
            next_handle: 1,
        }
    }

    fn live(&self) -> impl Iterator<Item = &Trial> {
        self.trials.iter().filter(|trial| trial.replies.is_some())
    }

    fn handle(&mut self, index: usize, event: Event) {
        match event {
            Event::Call(request) => match self.answer_without_models(index, &request) {
                Some(reply) => self.reply(index, reply),
                None => self.trials[index].waiting = Some(request),
            },
            Event::Ended(result) => {
                let trial = &mut self.trials[index];
                trial.replies = None;
                trial.handles.clear();
                if let Err(error) = result {
                    trial.record.outcome = Outcome::Failed {
                        reason: error.to_string(),
                    };
                }
            }
        }
        if self.live().count() > 0 && self.live().all(|trial| trial.waiting.is_some()) {
            self.execute();
        }
    }

    fn reply(&self, index: usize, reply: Result<Reply, LabError>) {
        if let Some(replies) = &self.trials[index].replies {
            // A member that no longer listens has ended, and says so itself.
            let _ = replies.send(reply);
        }
    }

    /// Answers what needs no model.
    fn answer_without_models(
        &mut self,
        index: usize,
        request: &Request,
    ) -> Option<Result<Reply, LabError>> {
        let organism = self.bench.maker.organism;
        if let Some(unsupported) = self.capabilities.unsupported(organism, request) {
            return Some(Err(LabError::invalid(unsupported)));
        }
        match request {
            Request::Evaluate {
                questions, measure, ..
            } if self.capabilities.leave_empty(questions, measure) => {
                Some(self.record_empty(index, request))
            }
            Request::Release { model } => {
                self.trials[index].handles.remove(model);
                Some(Ok(Reply::Done))
            }
            Request::UnlockRecipe => Some(Ok(Reply::Recipe(organism.unlock.clone()))),
            Request::LockRecipe => Some(match organism.lock() {
                Ok(lock) => Ok(Reply::Recipe(lock.train.clone())),
                Err(error) => Err(LabError::invalid(error.to_string())),
            }),
            Request::RngKey { purpose } => {
                let Member { seed, draw } = self.cohort.members[index];
                let (name, arm) = (&self.cohort.name, self.cohort.arm.name());
                let parts: [&dyn std::fmt::Display; 6] =
                    [&"private", &seed, &draw, name, &arm, purpose];
                let bytes = self.bench.maker.streams.key(&parts);
                Some(Ok(Reply::RngKey(RngKey { bytes })))
            }
            Request::Record { metric, value } => Some(self.record(index, metric, *value)),
            _ => None,
        }
    }

    fn record(&mut self, index: usize, name: &str, value: f64) -> Result<Reply, LabError> {
        let record = &mut self.trials[index].record;
        check_name(
            "metric",
            name,
            record.metrics.iter().map(|metric| &metric.name),
        )?;
        if !value.is_finite() {
            let problem = format!("metric {name} is {value}, expected a number");
            return Err(LabError::invalid(problem));
        }
        let name = name.to_string();
        record.metrics.push(Metric {
            name,
            value: Some(value),
        });
        Ok(Reply::Done)
    }

    /// Records a measure of no problems, since they can't be asked so.
    fn record_empty(&mut self, index: usize, request: &Request) -> Result<Reply, LabError> {
        let Operation::Evaluate { questions, .. } = self.resolve(index, request)? else {
            return Err(LabError::failed("an evaluation that nobody asked for"));
        };
        let measure = Measure {
            name: String::new(),
            questions,
            grades: String::new(),
            answers: Vec::new(),
        };
        self.hand_out(
            index,
            request,
            Product::Evaluation(Rc::new(measure), NOTHING),
        )
    }

    /// Executes every waiting request: those of one shape together.
    fn execute(&mut self) {
        let mut groups: Vec<(Key, Group)> = Vec::new();
        for index in 0..self.trials.len() {
            let Some(request) = self.trials[index].waiting.take() else {
                continue;
            };
            match self.resolve(index, &request) {
                Err(error) => self.reply(index, Err(error)),
                Ok(operation) => {
                    let shape = operation.shape();
                    match groups.iter_mut().find(|(known, _)| *known == shape) {
                        Some((_, group)) => group.push((index, request, operation)),
                        None => groups.push((shape, vec![(index, request, operation)])),
                    }
                }
            }
        }
        for (_, group) in groups {
            let operations: Vec<Operation> = group.iter().map(|(_, _, op)| op.clone()).collect();
            let started = Instant::now();
            let mut products = self.bench.perform(&operations);
            self.note_locks(&group, &mut products);
            self.bench.busy += started.elapsed();
            for ((index, request, _), product) in group.into_iter().zip(products) {
                let reply = product.and_then(|product| self.hand_out(index, &request, product));
                self.reply(index, reply);
            }
        }
    }

    /// The operation that a request asks for, with models in place of handles.
    fn resolve(&self, index: usize, request: &Request) -> Result<Operation, LabError> {
        let trial = &self.trials[index];
        let member = self.cohort.members[index];
        let seed = member.seed;
        let model = |id: &ModelId| {
            trial.handles.get(id).cloned().ok_or_else(|| {
                LabError::invalid(format!("model handle {id} does not belong to this trial"))
            })
        };
        Ok(match request {
            Request::Base => Operation::Base { seed },
            Request::Weak => Operation::Weak { seed },
            Request::Locked(spec) => Operation::locked(seed, spec),
            Request::LockedAfter { lock, step } => Operation::Locked {
                seed,
                spec: lock.clone(),
                after: self.bench.maker.organism.step_on_the_way(lock, *step)?,
            },
            Request::Train {
                model: id,
                samples,
                recipe,
            } => Operation::Train {
                model: model(id)?,
                samples: samples.clone(),
                recipe: recipe.clone(),
                member,
            },
            Request::Perturb { model: id, noise } => Operation::Perturb {
                model: model(id)?,
                noise: noise.clone(),
            },
            Request::Distance { from, to } => Operation::Distance {
                from: model(from)?,
                to: model(to)?,
            },
            Request::Evaluate {
                model: id,
                questions,
                measure,
            } => {
                let taken = trial.record.measures.iter();
                check_name("measure", measure, taken.map(|measure| &measure.name))?;
                Operation::Evaluate {
                    model: model(id)?,
                    questions: questions.clone(),
                }
            }
            Request::TokenLogProbs {
                model: id,
                samples,
                flag,
            } => Operation::TokenLogProbs {
                model: model(id)?,
                samples: samples.clone(),
                flag: *flag,
            },
            Request::WeakSamples { count } | Request::CorrectSamples { count } => {
                Operation::Samples {
                    member,
                    count: *count,
                    correct: matches!(request, Request::CorrectSamples { .. }),
                }
            }
            Request::UnlockRecipe
            | Request::LockRecipe
            | Request::RngKey { .. }
            | Request::Record { .. }
            | Request::Release { .. } => return Err(LabError::failed("answered already")),
        })
    }

    /// Records the locks that a group has just been given, with what the gate looks at.
    fn note_locks(
        &mut self,
        group: &[(usize, Request, Operation)],
        products: &mut [Result<Product, LabError>],
    ) {
        let Some((_, _, Operation::Locked { spec, after, .. })) = group.first() else {
            return;
        };
        let given = group.iter().zip(products.iter());
        let lock = |((index, _, _), product): (&(usize, _, _), &Result<Product, _>)| {
            let model = product.as_ref().ok()?.models().last()?;
            Some((*index, Rc::clone(model)))
        };
        let (indices, locks): (Vec<usize>, Vec<_>) = given.filter_map(lock).unzip();
        match self.bench.lock_records(&locks, spec, *after) {
            Ok(records) => {
                // Of copies there are twice as many: theirs, then those of their whole locks.
                for (index, record) in indices.iter().cycle().zip(records) {
                    let locks = &mut self.trials[*index].record.locks;
                    if !locks.contains(&record) {
                        locks.push(record);
                    }
                }
            }
            Err(error) => {
                let error = LabError::failed(format!("gate: {error}"));
                products.fill_with(|| Err(error.clone()));
            }
        }
    }

    /// Gives a member its product: handles for models, a record for outcomes.
    fn hand_out(
        &mut self,
        index: usize,
        request: &Request,
        product: Product,
    ) -> Result<Reply, LabError> {
        match product {
            Product::Models(models) => {
                let ids = models.into_iter().map(|model| {
                    let id = self.next_handle;
                    let record = &mut self.trials[index].record;
                    record.changes.extend(model.change.clone());
                    self.next_handle += 1;
                    self.trials[index].handles.insert(id, model);
                    id
                });
                Ok(Reply::Models(ids.collect()))
            }
            Product::Distance(distance) => Ok(Reply::Distance(distance)),
            Product::Samples(samples) => Ok(Reply::Samples(samples)),
            Product::TokenLogProbs(rows) => {
                let rows = rows.into_iter().map(Into::into);
                Ok(Reply::TokenLogProbs(rows.collect()))
            }
            Product::Evaluation(measure, score) => {
                let Request::Evaluate { measure: name, .. } = request else {
                    return Err(LabError::failed("an evaluation that nobody asked for"));
                };
                let mut measure = measure.as_ref().clone();
                measure.name = name.to_string();
                self.trials[index].record.measures.push(measure);
                Ok(Reply::Score(score))
            }
        }
    }
}

/// How a model did on no problems.
pub(super) const NOTHING: Score = Score {
    correct: 0,
    unparsed: 0,
    problems: 0,
};

/// Checks that the name of a measure or metric is a lower-case word that isn't taken.
fn check_name<'n>(
    what: &str,
    name: &str,
    mut taken: impl Iterator<Item = &'n String>,
) -> Result<(), LabError> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if name.is_empty() || name.len() > 64 || !name.chars().all(word) {
        let start: String = name.chars().take(64).collect();
        return Err(LabError::invalid(format!(
            "{what} name {start:?}: expected at most 64 lower-case letters, digits, hyphens and dots"
        )));
    }
    if taken.any(|taken| taken == name) {
        let problem = format!("{what} {name} has been recorded already");
        return Err(LabError::invalid(problem));
    }
    Ok(())
}
