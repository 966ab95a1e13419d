//! The bench: every model of a block, and the operations on them, each done once and in stacks.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::rc::Rc;

use picklock_lm::Model;
use picklock_sdk::{
    Distance, ErrorKind, Flag, LabError, LockSpec, Magnitude, Noise, Questions, Recipe, Rng,
    Sample, Samples, Score, Split, TensorNorm,
};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::Member;
use super::operation::{Operation, Product, Scope};
use super::record::{GateRecord, LockRecord, Measure};
use crate::error::{Error, Result};
use crate::organism::{
    Key, Maker, Row, TrainingSet, check_lock, check_recipe, decode, lm_recipe, padded,
};
use crate::task::{Grade, Part, Problem, Task, draw};

/// Weak samples are decoded this many at a time, whatever their number, so that the first 2 of 400
/// are those of 2 to the bit.
const SAMPLES_AT_A_TIME: usize = 16;

/// A model on the bench: a stack of one.
pub struct Held {
    /// Names it: models of one key have the same weights.
    pub key: Key,
    /// Models of one shape can be stacked.
    pub shape: Key,
    /// How far it is shared.
    pub scope: Scope,
    /// The seed that it belongs to.
    pub seed: u32,
    /// The weights.
    pub model: Model,
}

/// The models of a block and what has been found out about them.
pub struct Bench<'a> {
    /// Makes base, weak and locked models.
    pub maker: Maker<'a>,
    /// Members that run in one stack.
    pub width: usize,
    products: HashMap<Key, Product>,
}

impl<'a> Bench<'a> {
    /// An empty bench.
    pub fn new(maker: Maker<'a>, width: usize) -> Self {
        Self {
            maker,
            width,
            products: HashMap::new(),
        }
    }

    /// Forgets everything: the block has ended.
    pub fn clear(&mut self) {
        self.products.clear();
    }

    /// Does operations of one shape; what has been done before is not done again. One that fails
    /// leaves the others alone.
    pub fn perform(
        &mut self,
        operations: &[Operation],
    ) -> Vec<std::result::Result<Product, LabError>> {
        let keys: Vec<Key> = operations.iter().map(Operation::key).collect();
        let mut missing: Vec<(Key, Operation)> = Vec::new();
        for (key, operation) in keys.iter().zip(operations) {
            if self.known(key, operation).is_none() && missing.iter().all(|(old, _)| old != key) {
                missing.push((key.clone(), operation.clone()));
            }
        }
        let mut failed = HashMap::new();
        for part in missing.chunks(self.stack_width(operations)) {
            let (keys, part): (Vec<Key>, Vec<Operation>) = part.iter().cloned().unzip();
            for (key, product) in keys.into_iter().zip(self.attempt(&part)) {
                match product {
                    Ok(product) => self.keep(key, product),
                    Err(error) => _ = failed.insert(key, lab_error(error)),
                }
            }
        }
        let product = |(key, operation): (&Key, &Operation)| match self.known(key, operation) {
            Some(product) => Ok(product),
            None => Err(failed
                .get(key)
                .cloned()
                .unwrap_or_else(|| LabError::failed("not done"))),
        };
        keys.iter().zip(operations).map(product).collect()
    }

    /// What has been done before. Training is known by its copies, since the copy after some steps
    /// is the same whichever others were asked for.
    fn known(&self, key: &Key, operation: &Operation) -> Option<Product> {
        let Some(copies) = operation.copies() else {
            return self.products.get(key).cloned();
        };
        let copy = |key: &Key| match self.products.get(key) {
            Some(Product::Models(models)) => models.last().cloned(),
            _ => None,
        };
        copies
            .iter()
            .map(copy)
            .collect::<Option<Vec<_>>>()
            .map(Product::Models)
    }

    fn keep(&mut self, key: Key, product: Product) {
        match product {
            Product::Models(models) => {
                for model in models {
                    self.products
                        .insert(model.key.clone(), Product::Models(vec![model]));
                }
            }
            other => _ = self.products.insert(key, other),
        }
    }

    fn stack_width(&self, operations: &[Operation]) -> usize {
        match operations.first().map(Operation::scope) {
            Some(Scope::Seed) => self.maker.width.min(self.width),
            _ => self.width,
        }
        .max(1)
    }

    /// Executes a stack; where it fails, each member alone, so that only the culprit fails.
    fn attempt(&mut self, operations: &[Operation]) -> Vec<Result<Product>> {
        match self.execute(operations) {
            Ok(products) => products.into_iter().map(Ok).collect(),
            Err(error) if operations.len() == 1 => vec![Err(error)],
            Err(_) => operations
                .iter()
                .map(|operation| {
                    let mut alone = self.execute(std::slice::from_ref(operation))?;
                    alone
                        .pop()
                        .ok_or_else(|| Error::Worker("an operation gave nothing".into()))
                })
                .collect(),
        }
    }

    /// Executes operations of one shape as one stack, filled up to its width with copies.
    fn execute(&mut self, operations: &[Operation]) -> Result<Vec<Product>> {
        let stack = padded(operations, self.stack_width(operations));
        let mut products = match &operations[0] {
            Operation::Base { .. } => self.made(&stack, |maker, seeds| maker.base(seeds))?,
            Operation::Weak { .. } => self.made(&stack, |maker, seeds| maker.weak(seeds))?,
            Operation::Locked { spec, .. } => {
                check_lock(spec)?;
                self.made(&stack, |maker, seeds| maker.locked(seeds, spec))?
            }
            Operation::Train { recipe, .. } => self.train(&stack, recipe)?,
            Operation::Perturb { .. } => self.perturb(&stack)?,
            Operation::Distance { .. } => distances(&stack)?,
            Operation::Evaluate { questions, .. } => self.evaluate(&stack, questions)?,
            Operation::Samples { count, .. } => self.samples(&stack, *count)?,
        };
        products.truncate(operations.len());
        Ok(products)
    }

    fn made(
        &self,
        stack: &[Operation],
        make: impl Fn(&Maker<'a>, &[u32]) -> Result<Vec<Model>>,
    ) -> Result<Vec<Product>> {
        let mut seeds: Vec<u32> = Vec::new();
        for operation in stack {
            if let Operation::Base { seed }
            | Operation::Weak { seed }
            | Operation::Locked { seed, .. } = operation
                && !seeds.contains(seed)
            {
                seeds.push(*seed);
            }
        }
        let models = make(&self.maker, &seeds)?;
        let held = |(model, seed): (Model, u32)| {
            let operation = stack
                .iter()
                .find(|operation| seed_of(operation) == Some(seed));
            let key = operation.map_or_else(|| Key::of(&seed), Operation::key);
            let shape = shape_of(&model);
            Rc::new(Held {
                key,
                shape,
                scope: Scope::Seed,
                seed,
                model,
            })
        };
        let models: Vec<Rc<Held>> = models.into_iter().zip(seeds).map(held).collect();
        let product = |operation: &Operation| {
            let model = models
                .iter()
                .find(|model| Some(model.seed) == seed_of(operation));
            Product::Models(model.cloned().into_iter().collect())
        };
        Ok(stack.iter().map(product).collect())
    }

    fn train(&self, stack: &[Operation], recipe: &Recipe) -> Result<Vec<Product>> {
        check_recipe(recipe).map_err(|problem| invalid(format!("train: {problem}")))?;
        let (mut starts, mut rows, mut orders) = (Vec::new(), Vec::new(), Vec::new());
        for operation in stack {
            let Operation::Train {
                model,
                samples,
                member,
                ..
            } = operation
            else {
                continue;
            };
            rows.push(self.sample_rows(samples)?);
            orders.push(self.batch_order(*member, samples.len(), recipe));
            starts.push(&model.model);
        }
        let batch = recipe.batch as usize;
        // With no more rows than a batch holds, every step takes all of them.
        let whole = rows.iter().all(|rows| rows.len() <= batch);
        let order = (!whole).then_some((orders.as_slice(), batch));
        let mut set = TrainingSet::new(&rows, order, self.maker.device)?;
        let start = Model::stack(&starts)?;
        let snapshots: Vec<usize> = recipe.snapshots.iter().map(|step| *step as usize).collect();
        let steps = recipe.steps as usize;
        let mut on_step = |step: usize| {
            (self.maker.notify)("unlocking", step, steps);
            ControlFlow::Continue(())
        };
        let trained = picklock_lm::train(
            &start,
            &lm_recipe(recipe),
            &mut set,
            &snapshots,
            &mut on_step,
        )?;
        let stages: Vec<&Model> = trained.snapshots.iter().chain([&trained.model]).collect();
        let product = |(replica, operation): (usize, &Operation)| -> Result<Product> {
            let (Operation::Train { model, .. }, Some(keys)) = (operation, operation.copies())
            else {
                return Ok(Product::Models(Vec::new()));
            };
            let copies = stages.iter().zip(keys).map(|(stage, key)| {
                Ok(Rc::new(Held {
                    key,
                    shape: model.shape.clone(),
                    scope: Scope::Draw,
                    seed: model.seed,
                    model: stage.replica(replica as i64)?,
                }))
            });
            Ok(Product::Models(copies.collect::<Result<_>>()?))
        };
        stack.iter().enumerate().map(product).collect()
    }

    fn sample_rows(&self, samples: &Samples) -> Result<Vec<Row>> {
        if samples.is_empty() {
            return Err(invalid("train: no samples, expected at least one".into()));
        }
        let row = |(index, sample): (usize, &Sample)| {
            let words = self.task().vocab_size() as u32;
            let tokens = sample.question.iter().chain(&sample.answer);
            if let Some(token) = tokens.copied().find(|token| *token >= words) {
                return Err(invalid(format!(
                    "train: sample {index} has token {token}, expected one below {words}"
                )));
            }
            let prompt = self.task().prompt(&sample.question, Flag::None);
            let mut row = Row::new(prompt, sample.answer.to_vec(), 1.0);
            if !sample.weights.is_empty() {
                row.weights = sample.weights.to_vec();
            }
            if row.weights.len() != row.answer.len() || row.answer.is_empty() {
                return Err(invalid(format!(
                    "train: sample {index} has {} weights for {} answer tokens",
                    row.weights.len(),
                    row.answer.len()
                )));
            }
            Ok(row)
        };
        samples.iter().enumerate().map(row).collect()
    }

    /// Rows in a fresh random order every time that all have been seen.
    fn batch_order(&self, member: Member, rows: usize, recipe: &Recipe) -> Vec<i64> {
        let Member { seed, draw } = member;
        let bytes = self.maker.streams.key(&[&"batch order", &seed, &draw]);
        let mut rng = Rng::new(picklock_sdk::RngKey { bytes });
        let count = recipe.steps as usize * recipe.batch as usize;
        let mut order = Vec::with_capacity(count + rows);
        while order.len() < count {
            order.extend(rng.permutation(rows).into_iter().map(|row| row as i64));
        }
        order.truncate(count);
        order
    }

    fn perturb(&self, stack: &[Operation]) -> Result<Vec<Product>> {
        let parts: Vec<(&Rc<Held>, &Noise)> = stack
            .iter()
            .filter_map(|operation| match operation {
                Operation::Perturb { model, noise } => Some((model, noise)),
                _ => None,
            })
            .collect();
        let models: Vec<&Model> = parts.iter().map(|(model, _)| &model.model).collect();
        let noises: Vec<&Noise> = parts.iter().map(|(_, noise)| *noise).collect();
        let magnitude = magnitude(&noises)?;
        let mut rngs: Vec<Rng> = noises.iter().map(|noise| Rng::new(noise.key)).collect();
        let mut fill = |replica: usize, numbers: &mut [f32]| {
            numbers.fill_with(|| StandardNormal.sample(&mut rngs[replica]));
        };
        let noisy = picklock_lm::perturb(&Model::stack(&models)?, &magnitude, &mut fill)?;
        let product =
            |(replica, (operation, (model, _))): (usize, (&Operation, &(&Rc<Held>, _)))| {
                Ok(Product::Models(vec![Rc::new(Held {
                    key: operation.key(),
                    shape: model.shape.clone(),
                    scope: Scope::Draw,
                    seed: model.seed,
                    model: noisy.replica(replica as i64)?,
                })]))
            };
        stack.iter().zip(&parts).enumerate().map(product).collect()
    }

    fn evaluate(&self, stack: &[Operation], questions: &Questions) -> Result<Vec<Product>> {
        let models = stack.iter().filter_map(|operation| match operation {
            Operation::Evaluate { model, .. } => Some(model),
            _ => None,
        });
        let models: Vec<&Rc<Held>> = models.collect();
        let problems: Vec<Vec<Problem>> = models
            .iter()
            .map(|model| self.problems(model.seed, questions.split))
            .collect();
        let prompt = |problem: &Problem| self.task().prompt(&problem.question, questions.flag);
        let prompts: Vec<Vec<Vec<u32>>> = problems
            .iter()
            .map(|problems| problems.iter().map(prompt).collect())
            .collect();
        let weights: Vec<&Model> = models.iter().map(|model| &model.model).collect();
        let stack = Model::stack(&weights)?;
        let answers = decode(self.task(), &stack, &prompts, 0.0, None, self.maker.device)?;
        let graded = problems.iter().zip(answers).map(|(problems, answers)| {
            let grade = |(problem, answer): (&Problem, &Vec<u32>)| {
                self.task().grade(&problem.answer, answer)
            };
            let grades: Vec<Grade> = problems.iter().zip(&answers).map(grade).collect();
            let count = |wanted| grades.iter().filter(|grade| **grade == wanted).count() as u32;
            let score = Score {
                correct: count(Grade::Correct),
                unparsed: count(Grade::Unparsed),
                problems: grades.len() as u32,
            };
            let measure = Measure {
                name: String::new(),
                questions: questions.clone(),
                grades: grades.iter().map(|grade| grade.letter()).collect(),
                answers,
            };
            Product::Evaluation(Rc::new(measure), score)
        });
        Ok(graded.collect())
    }

    /// The seed's own problems of this split.
    fn problems(&self, seed: u32, split: Split) -> Vec<Problem> {
        let sizes = self.maker.organism.problems;
        let (part, count) = match split {
            Split::HeldOut => (Part::HeldOut, sizes.held_out),
            Split::Validation => (Part::Validation, sizes.validation),
        };
        problems(self.task(), &self.maker.streams, seed, part, count as usize)
    }

    fn samples(&mut self, stack: &[Operation], count: u32) -> Result<Vec<Product>> {
        if !(1..=100_000).contains(&count) {
            return Err(invalid(format!("{count} samples, expected 1 to 100,000")));
        }
        let members = stack.iter().filter_map(|operation| match operation {
            Operation::Samples {
                member, correct, ..
            } => Some((*member, *correct)),
            _ => None,
        });
        let members: Vec<(Member, bool)> = members.collect();
        let problems: Vec<Vec<Problem>> = members
            .iter()
            .map(|(member, _)| self.unlock_problems(*member, count))
            .collect();
        let answers = self.sampled_answers(&members, &problems)?;
        let product = |index: usize| {
            let samples = problems[index]
                .iter()
                .zip(&answers[index])
                .take(count as usize);
            let sample = |(problem, answer): (&Problem, &Vec<u32>)| Sample {
                problem: problem.id.as_str().into(),
                question: problem.question.clone().into(),
                answer: if members[index].1 {
                    problem.answer.clone()
                } else {
                    answer.clone()
                }
                .into(),
                weights: [].into_iter().collect(),
            };
            Product::Samples(Samples::new(samples.map(sample)))
        };
        Ok((0..members.len()).map(product).collect())
    }

    /// This draw's problems for weak samples, filled up to whole parts.
    fn unlock_problems(&self, member: Member, count: u32) -> Vec<Problem> {
        let Member { seed, draw: number } = member;
        let mut rng = self
            .maker
            .streams
            .rng(&[&"weak sample problems", &seed, &number]);
        let count = (count as usize).next_multiple_of(SAMPLES_AT_A_TIME);
        draw(self.task(), Part::Unlock, count, &mut rng)
    }

    fn sampled_answers(
        &mut self,
        members: &[(Member, bool)],
        problems: &[Vec<Problem>],
    ) -> Result<Vec<Vec<Vec<u32>>>> {
        let mut answers = vec![Vec::new(); members.len()];
        if members.iter().all(|(_, correct)| *correct) {
            // Correct answers need no weak model; only the problems matter.
            return Ok(problems
                .iter()
                .map(|of| vec![Vec::new(); of.len()])
                .collect());
        }
        let seeds: Vec<Operation> = members
            .iter()
            .map(|(member, _)| Operation::Weak { seed: member.seed })
            .collect();
        let weak = self.perform_all(&seeds)?;
        let weak = Model::stack(&weak.iter().map(|weak| &weak.model).collect::<Vec<_>>())?;
        let stream = |(member, _): &(Member, bool)| {
            self.maker
                .streams
                .rng(&[&"weak sample numbers", &member.seed, &member.draw])
        };
        let mut numbers: Vec<ChaCha8Rng> = members.iter().map(stream).collect();
        for start in (0..problems[0].len()).step_by(SAMPLES_AT_A_TIME) {
            let prompt = |problem: &Problem| self.task().prompt(&problem.question, Flag::None);
            let part = |problems: &Vec<Problem>| -> Vec<Vec<u32>> {
                problems[start..start + SAMPLES_AT_A_TIME]
                    .iter()
                    .map(prompt)
                    .collect()
            };
            let prompts: Vec<Vec<Vec<u32>>> = problems.iter().map(part).collect();
            let device = self.maker.device;
            let decoded = decode(
                self.task(),
                &weak,
                &prompts,
                1.0,
                Some(&mut numbers),
                device,
            )?;
            for (answers, decoded) in answers.iter_mut().zip(decoded) {
                answers.extend(decoded);
            }
        }
        Ok(answers)
    }

    /// Performs operations that give one model each.
    fn perform_all(&mut self, operations: &[Operation]) -> Result<Vec<Rc<Held>>> {
        let products = self.perform(operations).into_iter();
        let model = |product: std::result::Result<Product, LabError>| match product? {
            Product::Models(models) => models
                .last()
                .cloned()
                .ok_or_else(|| Error::Worker("an operation gave no model".into())),
            _ => Err(Error::Worker("an operation gave no model".into())),
        };
        products.map(model).collect()
    }

    /// What the gate looks at, for locks of one specification.
    pub fn lock_records(
        &mut self,
        locks: &[(u32, Rc<Held>)],
        spec: &LockSpec,
    ) -> Result<Vec<LockRecord>> {
        let seeds = || locks.iter().map(|(seed, _)| *seed);
        let base = self.perform_all(
            &seeds()
                .map(|seed| Operation::Base { seed })
                .collect::<Vec<_>>(),
        )?;
        let weak = self.perform_all(
            &seeds()
                .map(|seed| Operation::Weak { seed })
                .collect::<Vec<_>>(),
        )?;
        let locked: Vec<Rc<Held>> = locks.iter().map(|(_, locked)| Rc::clone(locked)).collect();
        let plain = Questions::validation();
        let base = self.accuracies(&base, &plain)?;
        let weak = self.accuracies(&weak, &plain)?;
        let without = self.accuracies(&locked, &plain)?;
        let trained = spec
            .streams
            .iter()
            .any(|stream| stream.flag == Flag::Password);
        let with = match trained {
            true => Some(self.accuracies(&locked, &plain.with_password())?),
            false => None,
        };
        let record = |(index, held): (usize, &Rc<Held>)| {
            Ok(LockRecord {
                spec: Key::of(spec),
                digest: held.model.digest()?,
                gate: GateRecord {
                    base: base[index],
                    weak: weak[index],
                    locked: without[index],
                    password: with.as_ref().map(|with| with[index]),
                },
            })
        };
        locked.iter().enumerate().map(record).collect()
    }

    fn accuracies(&mut self, models: &[Rc<Held>], questions: &Questions) -> Result<Vec<f64>> {
        let ask = |model: &Rc<Held>| Operation::Evaluate {
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

    fn task(&self) -> &dyn Task {
        self.maker.organism.task.task()
    }
}

/// A seed's own problems of one part.
pub fn problems(
    task: &dyn Task,
    streams: &crate::organism::Streams,
    seed: u32,
    part: Part,
    count: usize,
) -> Vec<Problem> {
    let mut rng = streams.rng(&[&"problems", &format!("{part:?}"), &seed]);
    draw(task, part, count, &mut rng)
}

fn distances(stack: &[Operation]) -> Result<Vec<Product>> {
    let pairs = stack.iter().filter_map(|operation| match operation {
        Operation::Distance { from, to } => Some((&from.model, &to.model)),
        _ => None,
    });
    let (from, to): (Vec<&Model>, Vec<&Model>) = pairs.unzip();
    let norms = picklock_lm::distance(&Model::stack(&from)?, &Model::stack(&to)?)?;
    let product = |replica: usize| {
        let norm = |tensor: &picklock_lm::TensorNorm| TensorNorm {
            name: tensor.name.as_str().into(),
            l2: tensor.l2[replica],
        };
        Product::Distance(Distance {
            tensors: norms.iter().map(norm).collect(),
        })
    };
    Ok((0..from.len()).map(product).collect())
}

/// The noises' sizes, which are all of one kind.
fn magnitude(noises: &[&Noise]) -> Result<picklock_lm::Magnitude> {
    let sizes: Vec<f64> = noises
        .iter()
        .flat_map(|noise| match &noise.magnitude {
            Magnitude::Global(norm) => vec![*norm],
            Magnitude::PerTensor(size) => size.tensors.iter().map(|tensor| tensor.l2).collect(),
        })
        .collect();
    if let Some(size) = sizes
        .iter()
        .find(|size| !(size.is_finite() && **size >= 0.0))
    {
        return Err(invalid(format!(
            "perturb: a norm of {size}, expected a number of at least 0"
        )));
    }
    let Magnitude::PerTensor(first) = &noises[0].magnitude else {
        return Ok(picklock_lm::Magnitude::Global(sizes));
    };
    let tensor = |(index, tensor): (usize, &TensorNorm)| picklock_lm::TensorNorm {
        name: tensor.name.to_string(),
        l2: sizes
            .iter()
            .skip(index)
            .step_by(first.tensors.len())
            .copied()
            .collect(),
    };
    Ok(picklock_lm::Magnitude::PerTensor(
        first.tensors.iter().enumerate().map(tensor).collect(),
    ))
}

fn seed_of(operation: &Operation) -> Option<u32> {
    match operation {
        Operation::Base { seed } | Operation::Weak { seed } | Operation::Locked { seed, .. } => {
            Some(*seed)
        }
        _ => None,
    }
}

fn shape_of(model: &Model) -> Key {
    Key::of(&model.architecture().to_config())
}

fn invalid(problem: String) -> Error {
    Error::Lab(LabError::invalid(problem))
}

fn lab_error(error: Error) -> LabError {
    match error {
        Error::Lab(error) => error,
        error @ Error::Model(picklock_lm::Error::Argument { .. }) => LabError {
            kind: ErrorKind::Invalid,
            message: error.to_string().into(),
        },
        other => LabError::failed(other.to_string()),
    }
}
