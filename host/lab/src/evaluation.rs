//! Asking and grading: several models in one stack, each its own seed's problems.

use std::rc::Rc;

use picklock_files::Key;
use picklock_grade::Grade;
use picklock_lm::Device;
use picklock_message::{Error, Result};
use picklock_record::{GateRecord, LockRecord, Measure, Sampling};
use picklock_sdk::{Flag, LabError, LockSpec, Questions, Score, Split};
use picklock_task::{Problem, Task, Teacher};

use crate::bench::Bench;
use crate::cached_model::CachedModel;
use crate::making::{DecodingRoom, Prompts, decode_prompts};
use crate::operation::{Operation, Product};

/// What a stack is asked.
pub(super) struct Asked {
    /// The problems of each member's seed.
    problems: Vec<Rc<Vec<Problem>>>,
    /// Their prompts.
    prompts: Prompts,
}

impl Bench<'_> {
    /// Asks and grades a stack of models.
    pub(super) fn evaluate(
        &self,
        stack: &[Operation],
        questions: &Questions,
    ) -> Result<Vec<Product>> {
        let models = stack.iter().filter_map(|operation| match operation {
            Operation::Evaluate { model, .. } => Some(model),
            _ => None,
        });
        let models: Vec<&Rc<CachedModel>> = models.collect();
        let seeds: Vec<u32> = models.iter().map(|model| model.seed).collect();
        let room = &self.maker.room;
        let task = self.task();
        let is_weak = models.iter().all(|model| model.is_weak);
        let own = self.written(is_weak);
        let (asked, answers) = match self.maker.program() {
            Some(teacher) if models.iter().all(|model| model.is_program) => {
                let asked = self.asked(is_weak, &seeds, questions, DecodingRoom::MOST)?;
                let answers = self.program_answers(teacher, &asked)?;
                (asked, answers)
            }
            _ => {
                let stack = self.residence.stack(&models)?;
                let sequences = room.sequences(&stack, own.max_tokens(), 1);
                let asked = self.asked(is_weak, &seeds, questions, sequences)?;
                let answers =
                    decode_prompts(own, &stack, &asked.prompts, Sampling::GREEDY, None, room)?;
                (asked, answers)
            }
        };
        let graded = asked
            .problems
            .iter()
            .zip(answers)
            .map(|(problems, answers)| {
                let pairs = || problems.iter().zip(&answers);
                let grade = |(problem, answer): (&Problem, &Vec<u32>)| own.grade(problem, answer);
                let grades: Vec<Grade> = pairs().map(grade).collect::<Result<_>>()?;
                let count = |wanted| grades.iter().filter(|grade| **grade == wanted).count() as u32;
                let score = Score {
                    correct: count(Grade::Correct),
                    unparsed: count(Grade::Unparsed),
                    problems: grades.len() as u32,
                };
                // Journals are in the base model's tokens.
                let told = |answer: Vec<u32>| match is_weak {
                    true => task.to_base_tokens(&answer),
                    false => Ok(answer),
                };
                let measure = Measure {
                    name: String::new(),
                    questions: questions.clone(),
                    grades: grades.iter().map(|grade| grade.letter()).collect(),
                    answers: answers.into_iter().map(told).collect::<Result<_>>()?,
                };
                Ok(Product::Evaluation(Rc::new(measure), score))
            });
        graded.collect()
    }

    /// The task in the tokens of weak models, or of all others.
    fn written(&self, is_weak: bool) -> &dyn Task {
        let task = self.task();
        task.for_weak().filter(|_| is_weak).unwrap_or(task)
    }

    /// The most likely answers of the program that is imitated.
    fn program_answers(&self, teacher: &Teacher, asked: &Asked) -> Result<Vec<Vec<Vec<u32>>>> {
        let answer = |problem: &Problem| {
            // Nothing is drawn at temperature 0.
            let mut numbers = self.maker.streams.rng(&[&"program"]);
            let taught =
                self.task()
                    .teacher_answer(&problem.question, teacher, 0.0, &mut numbers)?;
            Ok(taught.answer)
        };
        let of_member = |problems: &Rc<Vec<Problem>>| problems.iter().map(answer).collect();
        asked.problems.iter().map(of_member).collect()
    }

    /// What a stack of seeds' models is asked, so many sequences at a time: drawn, and laid on the
    /// device, once a block.
    fn asked(
        &self,
        is_weak: bool,
        seeds: &[u32],
        questions: &Questions,
        sequences: usize,
    ) -> Result<Rc<Asked>> {
        let key = Key::of(&(seeds, questions, sequences, is_weak));
        if let Some(asked) = self.questions.borrow().get(&key) {
            return Ok(Rc::clone(asked));
        }
        let mut distinct = seeds.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let drawn = self.problems(&distinct, questions.split)?;
        let question = |problem: &Problem| problem.question.clone();
        let of_seed = |problems: &Rc<Vec<Problem>>| problems.iter().map(question).collect();
        let own: Vec<Vec<Vec<u32>>> = drawn.iter().map(of_seed).collect();
        let place = |seed: &u32| distinct.binary_search(seed).unwrap_or_default();
        let places: Vec<usize> = seeds.iter().map(place).collect();
        let cut = (&places[..], sequences);
        let prompts = Prompts::new(
            self.written(is_weak),
            &own,
            questions.flag,
            cut,
            self.maker.device,
        )?;
        let problems = places.iter().map(|place| Rc::clone(&drawn[*place]));
        let asked = Rc::new(Asked {
            problems: problems.collect(),
            prompts,
        });
        self.questions.borrow_mut().insert(key, Rc::clone(&asked));
        Ok(asked)
    }

    /// What seeds are asked, each drawn once a block. A GPU's worker has the host's cores for itself,
    /// and draws on all of them.
    fn problems(&self, seeds: &[u32], split: Split) -> Result<Vec<Rc<Vec<Problem>>>> {
        let mut known = self.problems.borrow_mut();
        let missing = seeds.iter().copied();
        let missing: Vec<u32> = missing
            .filter(|seed| !known.contains_key(&(*seed, split)))
            .collect();
        let threads = match self.maker.device {
            Device::Cpu => 1,
            _ => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let (organism, task, streams) = (self.maker.organism, self.maker.task, self.maker.streams);
        let draw = |seeds: &[u32]| -> Vec<Result<(u32, Vec<Problem>)>> {
            let draw = |seed: &u32| Ok((*seed, organism.problems(task, streams, *seed, split)?));
            seeds.iter().map(draw).collect()
        };
        let drawn: Result<Vec<_>> = std::thread::scope(|scope| {
            let parts = missing.chunks(missing.len().div_ceil(threads).max(1));
            let drawing: Vec<_> = parts.map(|part| scope.spawn(|| draw(part))).collect();
            let drawn = drawing.into_iter().map(std::thread::ScopedJoinHandle::join);
            drawn.flatten().flatten().collect()
        });
        let drawn = drawn?.into_iter();
        known.extend(drawn.map(|(seed, problems)| ((seed, split), Rc::new(problems))));
        let of = |seed: &u32| {
            known
                .get(&(*seed, split))
                .map(Rc::clone)
                .unwrap_or_default()
        };
        Ok(seeds.iter().map(of).collect())
    }

    /// What the gate looks at, for locks of one specification, one record each; for copies on the way
    /// then as many of the whole locks, which are judged in their place.
    pub(super) fn lock_records(
        &mut self,
        locks: &[(u32, Rc<CachedModel>)],
        spec: &LockSpec,
        after: Option<u32>,
    ) -> Result<Vec<LockRecord>> {
        let mut records = self.figures(locks, spec, after)?;
        if after.is_some() {
            let whole = |(seed, _): &(u32, Rc<CachedModel>)| Operation::Locked {
                seed: *seed,
                spec: spec.clone(),
                after: None,
            };
            let whole = self.perform_all(&locks.iter().map(whole).collect::<Vec<_>>())?;
            let seeds = locks.iter().map(|(seed, _)| *seed);
            let whole: Vec<_> = seeds.zip(whole).collect();
            records.extend(self.figures(&whole, spec, None)?);
        }
        Ok(records)
    }

    fn figures(
        &mut self,
        locks: &[(u32, Rc<CachedModel>)],
        spec: &LockSpec,
        after: Option<u32>,
    ) -> Result<Vec<LockRecord>> {
        let organism = self.maker.organism;
        let base = organism.base.as_ref();
        let base = base.map(|_| self.of_seeds(locks, |seed| Operation::Base { seed }));
        let weak = organism.weak.as_ref();
        let weak = weak.map(|_| self.of_seeds(locks, |seed| Operation::Weak { seed }));
        let (base, weak) = (base.transpose()?, weak.transpose()?);
        let locked: Vec<Rc<CachedModel>> =
            locks.iter().map(|(_, locked)| Rc::clone(locked)).collect();
        let plain = Questions::validation();
        let without = self.accuracies(&locked, &plain)?;
        let mut streams = spec.streams.iter();
        let trained = streams.any(|stream| stream.flag == Flag::Password);
        let with = match trained && self.task().has_flag(Flag::Password) {
            true => Some(self.accuracies(&locked, &plain.with_password())?),
            false => None,
        };
        let record = |(index, held): (usize, &Rc<CachedModel>)| {
            Ok(LockRecord {
                spec: match after {
                    None => Key::of(spec),
                    Some(step) => Key::of(&(spec, step)),
                },
                after,
                digest: held.digest()?,
                gate: GateRecord {
                    base: base.as_ref().map(|base| base[index]),
                    weak: weak.as_ref().map(|weak| weak[index]),
                    locked: without[index],
                    password: with.as_ref().map(|with| with[index]),
                },
            })
        };
        locked.iter().enumerate().map(record).collect()
    }

    /// Accuracies of other models of the seeds of locks.
    fn of_seeds(
        &mut self,
        locks: &[(u32, Rc<CachedModel>)],
        model: impl Fn(u32) -> Operation,
    ) -> Result<Vec<f64>> {
        let models = locks.iter().map(|(seed, _)| model(*seed));
        let models = self.perform_all(&models.collect::<Vec<_>>())?;
        self.accuracies(&models, &Questions::validation())
    }

    fn accuracies(
        &mut self,
        models: &[Rc<CachedModel>],
        questions: &Questions,
    ) -> Result<Vec<f64>> {
        let ask = |model: &Rc<CachedModel>| Operation::Evaluate {
            model: Rc::clone(model),
            questions: questions.clone(),
        };
        let operations: Vec<Operation> = models.iter().map(ask).collect();
        let score = |product: std::result::Result<Product, LabError>| match product? {
            Product::Evaluation(_, score) => Ok(score.accuracy()),
            _ => Err(Error::Worker("an evaluation gave no score".into())),
        };
        self.perform(&operations).into_iter().map(score).collect()
    }
}
