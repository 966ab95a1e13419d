//! The bench: the models of a block, and the operations on them, each performed once and in stacks.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use picklock_files::Key;
use picklock_lm::{Model, runtime};
use picklock_message::{Error, Result};
use picklock_record::Measure;
use picklock_sdk::{LabError, Questions, Score};
use picklock_task::Task;

use crate::cached_model::{CachedModel, Scope};
use crate::making::{Maker, check_lock, padded};
use crate::operation::{Operation, Product};
use crate::operations::Operations;
use crate::questions::QuestionCache;
use crate::store::Store;

/// The models of a block and what operations on them gave.
pub struct Bench<'a> {
    /// Makes base, weak and locked models.
    pub maker: Maker<'a>,
    /// Time spent on operations so far.
    pub busy: Duration,
    /// Members that run in one stack.
    width: usize,
    /// Members and seeds of one stack as planned, before memory ran out.
    planned: (usize, usize),
    /// What operations gave.
    pub(super) store: Store,
    questions: QuestionCache,
}

impl<'a> Bench<'a> {
    /// An empty bench.
    pub fn new(maker: Maker<'a>, width: usize) -> Self {
        Self {
            planned: (width, maker.width),
            busy: Duration::ZERO,
            width,
            store: Store::new(maker.device),
            questions: QuestionCache::default(),
            maker,
        }
    }

    /// Removes everything: the block has ended.
    pub fn clear(&mut self) {
        self.store.clear();
        self.questions = QuestionCache::default();
        self.maker.cache.release();
    }

    /// How operations are run otherwise than planned.
    pub fn notes(&self) -> Vec<String> {
        let note = |what: &str, width: usize, planned: usize| {
            (width != planned).then(|| {
                format!("out of memory: {width} {what} side by side, {planned} were planned")
            })
        };
        let members = note("members", self.width, self.planned.0);
        let seeds = note("seeds", self.maker.width, self.planned.1);
        let decoding = self.maker.room.note();
        members.into_iter().chain(seeds).chain(decoding).collect()
    }

    /// Performs operations of one shape; one that was performed before is not repeated. One that fails
    /// leaves the others alone.
    pub fn perform(
        &mut self,
        operations: &[Operation],
    ) -> Vec<std::result::Result<Product, LabError>> {
        if operations.is_empty() {
            return Vec::new();
        }
        self.store.begin_call();
        let keys: Vec<Key> = operations.iter().map(Operation::key).collect();
        let mut missing: Vec<(Key, Operation)> = Vec::new();
        for (key, operation) in keys.iter().zip(operations) {
            let is_known = missing.iter().any(|(other, _)| other == key)
                || self.store.get(key, operation).is_some();
            if !is_known {
                missing.push((key.clone(), operation.clone()));
            }
        }
        let mut failed = HashMap::new();
        for part in missing.chunks(self.stack_width(operations)) {
            let (keys, part): (Vec<Key>, Vec<Operation>) = part.iter().cloned().unzip();
            let products = self.attempt(&part);
            let bytes = products.iter().flatten().map(Product::bytes).sum();
            self.store.evict(bytes);
            for (key, product) in keys.into_iter().zip(products) {
                let kept = product.and_then(|product| self.store.keep(key.clone(), product));
                if let Err(error) = kept {
                    failed.insert(key, lab_error(error));
                }
            }
        }
        let product = |(key, operation): (&Key, &Operation)| {
            self.store.get(key, operation).ok_or_else(|| {
                let error = failed.get(key).cloned();
                error.unwrap_or_else(|| LabError::failed("not done"))
            })
        };
        keys.iter().zip(operations).map(product).collect()
    }

    /// Performs operations that give one model each.
    ///
    /// # Errors
    /// The first error of an operation.
    pub fn models(&mut self, operations: &[Operation]) -> Result<Vec<Rc<CachedModel>>> {
        let model = |product: std::result::Result<Product, LabError>| {
            let model = product?.models().last().cloned();
            model.ok_or_else(|| Error::Worker("an operation gave no model".into()))
        };
        self.perform(operations).into_iter().map(model).collect()
    }

    /// Asks models and grades their answers.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn evaluations(
        &mut self,
        models: &[Rc<CachedModel>],
        questions: &Questions,
    ) -> Result<Vec<(Rc<Measure>, Score)>> {
        let operation = |model: &Rc<CachedModel>| Operation::Evaluate {
            model: Rc::clone(model),
            questions: questions.clone(),
        };
        let operations: Vec<Operation> = models.iter().map(operation).collect();
        let evaluation = |product: std::result::Result<Product, LabError>| match product? {
            Product::Evaluation(measure, score) => Ok((measure, score)),
            _ => Err(Error::Worker("an evaluation gave no score".into())),
        };
        let products = self.perform(&operations).into_iter();
        products.map(evaluation).collect()
    }

    /// The organism's task.
    pub fn task(&self) -> &'a dyn Task {
        self.maker.task
    }

    fn stack_width(&self, operations: &[Operation]) -> usize {
        match operations.first().map(Operation::scope) {
            Some(Scope::Seed) => self.maker.width.min(self.width),
            _ => self.width,
        }
        .max(1)
    }

    /// Executes a stack. Where memory runs out, stacks are half as wide from here on; where it fails
    /// otherwise, each member is executed alone, so that only the one at fault fails.
    fn attempt(&mut self, operations: &[Operation]) -> Vec<Result<Product>> {
        let width = self.stack_width(operations);
        if operations.len() > width {
            // Stacks have become narrower meanwhile.
            let parts = operations.chunks(width);
            return parts.flat_map(|part| self.attempt(part)).collect();
        }
        let started = Instant::now();
        let done = runtime::caught(|| self.execute(operations));
        let (operation, members) = (operations[0].name(), operations.len());
        let seconds = started.elapsed().as_secs_f64();
        tracing::debug!(operation, members, seconds, "executed");
        match done {
            Ok(products) => products.into_iter().map(Ok).collect(),
            Err(error) if error.is_out_of_memory() && self.narrow(operations) => {
                // What the allocator keeps for shapes of before may be in the way.
                let _ = runtime::empty_cache(self.maker.device);
                self.attempt(operations)
            }
            Err(error) if operations.len() == 1 => vec![Err(error)],
            Err(_) => operations
                .chunks(1)
                .flat_map(|operation| self.attempt(operation))
                .collect(),
        }
    }

    /// Halves the stacks that such operations run in; `false` where they are alone already.
    fn narrow(&mut self, operations: &[Operation]) -> bool {
        let width = self.stack_width(operations);
        let half = width.div_ceil(2);
        match operations.first().map(Operation::scope) {
            Some(Scope::Seed) => self.maker.width = half,
            _ => self.width = half,
        }
        let text = format!("out of memory with {width} side by side; going on with {half}");
        if width > 1 {
            (self.maker.warn)(&text);
        }
        width > 1
    }

    /// Executes operations of one shape as one stack, filled up to its width with copies.
    fn execute(&mut self, operations: &[Operation]) -> Result<Vec<Product>> {
        let stack = padded(operations, self.stack_width(operations));
        let mut products = match &operations[0] {
            Operation::Base { .. } => self.make(operations, Maker::base)?,
            Operation::Weak { .. } if self.maker.program().is_some() => {
                let program = |operation: &Operation| {
                    CachedModel::program(operation.key(), operation.lineage())
                };
                let programs = operations.iter().map(program);
                programs.map(|model| Product::Models(vec![model])).collect()
            }
            Operation::Weak { .. } => self.make(operations, Maker::weak)?,
            Operation::Locked { spec, after, .. } => {
                check_lock(spec)?;
                self.make(operations, |maker, seeds| maker.locked(seeds, spec, *after))?
            }
            Operation::Train { recipe, .. } => self.operations().train(&stack, recipe)?,
            Operation::Perturb { .. } => self.operations().perturb(&stack)?,
            Operation::Distance { .. } => self.operations().distances(&stack)?,
            Operation::Evaluate { questions, .. } => {
                self.operations().evaluate(&stack, questions)?
            }
            Operation::TokenLogProbs { flag, .. } => {
                self.operations().token_log_probs(&stack, *flag)?
            }
            Operation::Samples { count, .. } => {
                let answering = self.operations().answering_models(&stack, *count)?;
                let models = self.models(&answering)?;
                self.operations().samples(&stack, *count, &models)?
            }
        };
        products.truncate(operations.len());
        Ok(products)
    }

    fn operations(&self) -> Operations<'_> {
        Operations {
            maker: &self.maker,
            residence: &self.store.residence,
            questions: &self.questions,
        }
    }

    /// Base, weak or locked models of different seeds; the maker fills up its own stacks.
    fn make(
        &self,
        operations: &[Operation],
        make: impl Fn(&Maker<'a>, &[u32]) -> Result<Vec<Model>>,
    ) -> Result<Vec<Product>> {
        let seeds: Vec<u32> = operations.iter().filter_map(Operation::made_seed).collect();
        let models = make(&self.maker, &seeds)?.into_iter().zip(operations);
        let product = |(model, operation): (Model, &Operation)| {
            let model = CachedModel::new(operation.key(), operation.lineage(), model, None);
            Product::Models(vec![model])
        };
        Ok(models.map(product).collect())
    }
}

fn lab_error(error: Error) -> LabError {
    match error {
        Error::Lab(error) => error,
        // A plugin asked for something that makes no sense.
        Error::Model(error)
            if matches!(
                error.downcast_ref(),
                Some(picklock_lm::Error::Argument { .. })
            ) =>
        {
            LabError::invalid(error.to_string())
        }
        other => LabError::failed(other.to_string()),
    }
}
