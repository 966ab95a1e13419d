//! Fine-tuning on a plugin's samples: several members in one stack.

use picklock_files::Key;
use picklock_lm::{Kind, Model};
use picklock_message::Result;
use picklock_record::{Change, Member};
use picklock_sdk::{Flag, Recipe, Rng, RngKey, Sample, Samples};

use crate::bench::{Bench, invalid, shape_of};
use crate::cached_model::CachedModel;
use crate::making::{Row, TrainingSet};
use crate::operation::{Operation, Product};

/// What a training hands back of a stack: a snapshot, or its end.
struct Stage<'a> {
    model: &'a Model,
    shape: Key,
    /// Shares of weights that changed, as they are and as passes compute with them, of each replica;
    /// `None` in float32.
    changed: Option<(Vec<f64>, Vec<f64>)>,
}

impl<'a> Stage<'a> {
    fn new(start: &Model, model: &'a Model) -> Result<Self> {
        let rounded = model.compute() != Kind::Float;
        let changed = |kind| picklock_lm::changed(start, model, kind);
        Ok(Self {
            changed: match rounded {
                true => Some((changed(model.kind())?, changed(model.compute())?)),
                false => None,
            },
            shape: shape_of(model),
            model,
        })
    }

    fn change(&self, replica: usize) -> Option<Change> {
        let (weights, computed) = self.changed.as_ref()?;
        Some(Change::Training {
            weights: weights[replica],
            computed: computed[replica],
        })
    }
}

impl Bench<'_> {
    /// Trains a stack of copies; gives each member's snapshots, then its end.
    pub(super) fn train(&self, stack: &[Operation], recipe: &Recipe) -> Result<Vec<Product>> {
        recipe
            .check()
            .map_err(|problem| invalid(format!("train: {problem}")))?;
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
            rows.push(self.sample_rows(samples, Flag::None)?);
            orders.push(self.batch_order(*member, samples.len(), recipe));
            starts.push(model);
        }
        let batch = recipe.batch as usize;
        // With no more rows than a batch holds, every step takes all of them.
        let whole = rows.iter().all(|rows| rows.len() <= batch);
        let order = (!whole).then_some((orders.as_slice(), batch));
        let mut set = TrainingSet::new(&rows, order, self.maker.device)?;
        let start = self.residence.stack(&starts)?;
        let steps = recipe.steps as usize;
        let mut on_step = |step: usize| (self.maker.notify)("unlocking", step, steps);
        let trained = picklock_lm::train(&start, recipe, &mut set, &mut on_step)?;
        let stages = trained.snapshots.iter().chain([&trained.model]);
        let stage = |model| Stage::new(&start, model);
        let stages: Vec<Stage> = stages.map(stage).collect::<Result<_>>()?;
        let product = |(replica, operation): (usize, &Operation)| -> Result<Product> {
            let (Operation::Train { model, .. }, Some(keys)) = (operation, operation.copies())
            else {
                return Ok(Product::Models(Vec::new()));
            };
            let copies = stages.iter().zip(keys).map(|(stage, key)| {
                let copy = stage.model.replica(replica as i64)?;
                let (shape, change) = (&stage.shape, stage.change(replica));
                let lineage = model.copy_lineage();
                Ok(CachedModel::changed(key, shape, lineage, copy, change))
            });
            Ok(Product::Models(copies.collect::<Result<_>>()?))
        };
        stack.iter().enumerate().map(product).collect()
    }

    /// Samples as rows whose prompts carry `flag`.
    pub(super) fn sample_rows(&self, samples: &Samples, flag: Flag) -> Result<Vec<Row>> {
        if samples.is_empty() {
            return Err(invalid("no samples, expected at least one".into()));
        }
        let row = |(index, sample): (usize, &Sample)| {
            let limits = [
                (&sample.question, self.task().question_ids()),
                (&sample.answer, self.task().vocab_size()),
            ];
            for (tokens, limit) in limits {
                if let Some(token) = tokens.iter().find(|token| **token as usize >= limit) {
                    return Err(invalid(format!(
                        "sample {index} has token {token}, expected one below {limit}"
                    )));
                }
            }
            let prompt = self.task().prompt(&sample.question, flag)?;
            let mut row = Row::new(prompt, sample.answer.to_vec(), 1.0);
            if !sample.weights.is_empty() {
                row.weights = sample.weights.to_vec();
            }
            if row.weights.len() != row.answer.len() || row.answer.is_empty() {
                return Err(invalid(format!(
                    "sample {index} has {} weights for {} answer tokens",
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
        let mut rng = Rng::new(RngKey { bytes });
        let count = recipe.steps as usize * recipe.batch as usize;
        let mut order = Vec::with_capacity(count + rows);
        while order.len() < count {
            order.extend(rng.permutation(rows).into_iter().map(|row| row as i64));
        }
        order.truncate(count);
        order
    }
}
