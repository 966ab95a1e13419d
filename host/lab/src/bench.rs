//! The bench: every model of a block, and the operations on them, each done once and in stacks.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use picklock_files::Key;
use picklock_lm::{Model, runtime};
use picklock_message::{Error, Result};
use picklock_sdk::{ErrorKind, LabError, Split};
use picklock_task::{Problem, Task};

use crate::cached_model::{CachedModel, Lineage};
use crate::evaluation::Asked;
use crate::making::{Maker, check_lock, padded};
use crate::noise::{distances, perturb};
use crate::operation::{Operation, Product, Scope};
use crate::residence::{Residence, room_for_memory};

/// Problems by seed and split.
type Drawn = HashMap<(u32, Split), Rc<Vec<Problem>>>;

/// The models of a block and what has been found out about them.
pub struct Bench<'a> {
    /// Makes base, weak and locked models.
    pub maker: Maker<'a>,
    /// Time spent on operations so far.
    pub busy: Duration,
    /// Members that run in one stack.
    width: usize,
    /// Members and seeds of one stack as planned, before memory ran out.
    planned: (usize, usize),
    products: HashMap<Key, Product>,
    /// Calls so far.
    calls: u64,
    /// Bytes that models may take which no trial holds.
    pub(super) room: u64,
    /// The problems of each seed.
    pub(super) problems: RefCell<Drawn>,
    /// What stacks are asked, by their seeds and the kind of questions.
    pub(super) questions: RefCell<HashMap<Key, Rc<Asked>>>,
    /// Where models are.
    pub(super) residence: Residence,
}

impl<'a> Bench<'a> {
    /// An empty bench.
    pub fn new(maker: Maker<'a>, width: usize) -> Self {
        let device = maker.device;
        Self {
            planned: (width, maker.width),
            maker,
            busy: Duration::ZERO,
            width,
            products: HashMap::new(),
            calls: 0,
            room: room_for_memory(),
            problems: RefCell::default(),
            questions: RefCell::default(),
            residence: Residence::new(device),
        }
    }

    /// Forgets everything: the block has ended.
    pub fn clear(&mut self) {
        self.products.clear();
        self.problems.borrow_mut().clear();
        self.questions.borrow_mut().clear();
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

    /// Does operations of one shape; what has been done before is not done again. One that fails
    /// leaves the others alone.
    pub fn perform(
        &mut self,
        operations: &[Operation],
    ) -> Vec<std::result::Result<Product, LabError>> {
        self.calls += 1;
        self.evict(0);
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
            let products = self.attempt(&part);
            self.evict(products.iter().flatten().map(Product::bytes).sum());
            for (key, product) in keys.into_iter().zip(products) {
                let kept = product.and_then(|product| self.keep(key.clone(), product));
                if let Err(error) = kept {
                    failed.insert(key, lab_error(error));
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

    /// Forgets models that no trial holds, those first that were asked for longest ago, until the
    /// others have room beside `incoming` bytes of new ones. One that is asked for again is made
    /// again, and comes out the same.
    ///
    /// Copies that trials made are soon made again: on a GPU they stay as long as there is room on it.
    /// Bases and locks, which take whole trainings, have the host's memory besides.
    fn evict(&mut self, incoming: u64) {
        let mut on_gpu = incoming;
        let mut on_host = 0;
        let mut idle: Vec<(u64, Key, u64, Scope)> = Vec::new();
        for (key, product) in &self.products {
            let Product::Models(models) = product else {
                continue;
            };
            let (used, bytes) = (product.used(), product.bytes());
            match models.iter().all(|model| Rc::strong_count(model) == 1) && used < self.calls {
                true => idle.push((used, key.clone(), bytes, models[0].scope)),
                false => on_gpu += bytes,
            }
        }
        // The key decides among those of one call, so that each run forgets the same.
        idle.sort_unstable_by(|one, other| (other.0, &other.1).cmp(&(one.0, &one.1)));
        let gpu = self.residence.limit;
        for (_, key, bytes, scope) in idle {
            let (taken, room) = match (gpu, scope) {
                (Some(gpu), Scope::Draw) => (&mut on_gpu, gpu),
                _ => (&mut on_host, self.room),
            };
            *taken += bytes;
            if *taken > room {
                self.products.remove(&key);
            }
        }
    }

    /// What has been done before. Training is known by its copies, since the copy after some steps
    /// is the same whichever others were asked for.
    fn known(&self, key: &Key, operation: &Operation) -> Option<Product> {
        let Some(copies) = operation.copies() else {
            return self.recall(key);
        };
        let copy = |key: &Key| match self.recall(key) {
            Some(Product::Models(models)) => models.last().cloned(),
            _ => None,
        };
        copies
            .iter()
            .map(copy)
            .collect::<Option<Vec<_>>>()
            .map(Product::Models)
    }

    /// What is kept under a key; models count as used now.
    fn recall(&self, key: &Key) -> Option<Product> {
        let product = self.products.get(key)?;
        if let Product::Models(models) = product {
            for model in models {
                model.used.set(self.calls);
            }
        }
        Some(product.clone())
    }

    fn keep(&mut self, key: Key, product: Product) -> Result<()> {
        match product {
            Product::Models(models) => {
                self.residence.admit(models.iter())?;
                for model in models {
                    model.used.set(self.calls);
                    self.products
                        .insert(model.key.clone(), Product::Models(vec![model]));
                }
            }
            other => _ = self.products.insert(key, other),
        }
        Ok(())
    }

    fn stack_width(&self, operations: &[Operation]) -> usize {
        match operations.first().map(Operation::scope) {
            Some(Scope::Seed) => self.maker.width.min(self.width),
            _ => self.width,
        }
        .max(1)
    }

    /// Executes a stack. Where memory runs out, stacks are half as wide from here on; where it fails
    /// otherwise, each member is done alone, so that only the culprit fails.
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
                .iter()
                .flat_map(|operation| self.attempt(std::slice::from_ref(operation)))
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
        if operations.iter().any(Operation::needs_weights_of_program) {
            let problem = "the weak model is a program: it has answers, and no weights";
            return Err(invalid(problem.into()));
        }
        let mut products = match &operations[0] {
            Operation::Base { .. } => self.made(&stack, Maker::base)?,
            Operation::Weak { .. } if self.maker.program().is_some() => self.programs(&stack)?,
            Operation::Weak { .. } => self.made(&stack, Maker::weak)?,
            Operation::Locked { spec, after, .. } => {
                check_lock(spec)?;
                self.made(&stack, |maker, seeds| maker.locked(seeds, spec, *after))?
            }
            Operation::Train { recipe, .. } => self.train(&stack, recipe)?,
            Operation::Perturb { .. } => perturb(&self.residence, &stack)?,
            Operation::Distance { .. } => distances(&self.residence, &stack)?,
            Operation::Evaluate { questions, .. } => self.evaluate(&stack, questions)?,
            Operation::TokenLogProbs { flag, .. } => self.token_logprobs(&stack, *flag)?,
            Operation::Samples { count, .. } => self.samples(&stack, *count)?,
        };
        products.truncate(operations.len());
        Ok(products)
    }

    /// The program of each seed.
    fn programs(&mut self, stack: &[Operation]) -> Result<Vec<Product>> {
        let seeds: Vec<u32> = stack.iter().filter_map(seed_of).collect();
        let base = seeds.iter().map(|seed| Operation::Base { seed: *seed });
        let base = self.perform_all(&base.collect::<Vec<_>>())?;
        let programs = seeds.into_iter().zip(&base);
        let programs = programs.map(|(seed, base)| CachedModel::program(seed, base));
        Ok(programs.map(|held| Product::Models(vec![held])).collect())
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
            let lineage = Lineage {
                scope: Scope::Seed,
                seed,
                is_weak: matches!(operation, Some(Operation::Weak { .. })),
            };
            CachedModel::new(key, &shape_of(&model), lineage, model)
        };
        let models: Vec<Rc<CachedModel>> = models.into_iter().zip(seeds).map(held).collect();
        let product = |operation: &Operation| {
            let model = models
                .iter()
                .find(|model| Some(model.seed) == seed_of(operation));
            Product::Models(model.cloned().into_iter().collect())
        };
        Ok(stack.iter().map(product).collect())
    }

    /// Performs operations that give one model each.
    pub(super) fn perform_all(&mut self, operations: &[Operation]) -> Result<Vec<Rc<CachedModel>>> {
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

    /// The organism's task.
    pub fn task(&self) -> &'a dyn Task {
        self.maker.task
    }
}

fn seed_of(operation: &Operation) -> Option<u32> {
    match operation {
        Operation::Base { seed } | Operation::Weak { seed } | Operation::Locked { seed, .. } => {
            Some(*seed)
        }
        _ => None,
    }
}

/// What models must have in common to be stacked.
pub(super) fn shape_of(model: &Model) -> Key {
    let types = [model.kind(), model.compute()].map(|kind| format!("{kind:?}"));
    Key::of(&(model.architecture().to_config(), types))
}

pub(super) fn invalid(problem: String) -> Error {
    Error::Lab(LabError::invalid(problem))
}

fn lab_error(error: Error) -> LabError {
    match error {
        Error::Lab(error) => error,
        Error::Model(error) if is_argument(&*error) => LabError {
            kind: ErrorKind::Invalid,
            message: error.to_string().into(),
        },
        other => LabError::failed(other.to_string()),
    }
}

/// Whether a plugin asked for what makes no sense.
fn is_argument(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(
        error.downcast_ref(),
        Some(picklock_lm::Error::Argument { .. })
    )
}
