//! Fine-tuning on a plugin's samples: several members in one stack.

use picklock_lm::{Kind, Model};
use picklock_message::Result;
use picklock_record::{Change, Member};
use picklock_sdk::{Flag, LabError, Recipe, Rng, RngKey, Sample, Samples};

use crate::cached_model::CachedModel;
use crate::making::{Row, TrainingSet};
use crate::operation::{Operation, Product};
use crate::operations::Operations;

impl Operations<'_> {
    /// Trains a stack of copies; gives each member's snapshots, then its end.
    ///
    /// # Errors
    /// Where recipe or samples make no sense, or training fails.
    pub fn train(&self, stack: &[Operation], recipe: &Recipe) -> Result<Vec<Product>> {
        recipe
            .check()
            .map_err(|problem| LabError::invalid(format!("train: {problem}")))?;
        let starts: Vec<_> = stack.iter().filter_map(Operation::model).collect();
        let (mut rows, mut orders) = (Vec::new(), Vec::new());
        for operation in stack {
            if let Operation::Train {
                samples, member, ..
            } = operation
            {
                rows.push(self.sample_rows(samples, Flag::None)?);
                orders.push(self.batch_order(*member, samples.len(), recipe));
            }
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
        let trained = trained.snapshots.iter().chain([&trained.model]);
        let trained: Vec<(&Model, Option<Vec<Change>>)> = trained
            .map(|model| Ok((model, changes(&start, model)?)))
            .collect::<Result<_>>()?;
        let product = |(replica, operation): (usize, &Operation)| -> Result<Product> {
            let keys = operation.copies().unwrap_or_default();
            let copies = trained.iter().zip(keys).map(|((model, changes), key)| {
                let change = changes.as_ref().map(|changes| changes[replica].clone());
                let (copy, lineage) = (model.replica(replica as i64)?, starts[replica].lineage);
                Ok(CachedModel::new(key, lineage.copy(), copy, change))
            });
            Ok(Product::Models(copies.collect::<Result<_>>()?))
        };
        stack.iter().enumerate().map(product).collect()
    }

    /// Samples as rows whose prompts carry `flag`.
    ///
    /// # Errors
    /// Where there are none, or one has wrong tokens or weights.
    pub fn sample_rows(&self, samples: &Samples, flag: Flag) -> Result<Vec<Row>> {
        if samples.is_empty() {
            return Err(LabError::invalid("no samples, expected at least one").into());
        }
        let row = |(index, sample): (usize, &Sample)| {
            let limits = [
                (&sample.question, self.task().question_ids()),
                (&sample.answer, self.task().vocab_size()),
            ];
            for (tokens, limit) in limits {
                if let Some(token) = tokens.iter().find(|token| **token as usize >= limit) {
                    let problem =
                        format!("sample {index} has token {token}, expected one below {limit}");
                    return Err(LabError::invalid(problem).into());
                }
            }
            let prompt = self.task().prompt(&sample.question, flag)?;
            let mut row = Row::new(prompt, sample.answer.to_vec(), 1.0);
            if !sample.weights.is_empty() {
                row.weights = sample.weights.to_vec();
            }
            let (weights, tokens) = (row.weights.len(), row.answer.len());
            if weights != tokens || tokens == 0 {
                let problem =
                    format!("sample {index} has {weights} weights for {tokens} answer tokens");
                return Err(LabError::invalid(problem).into());
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

/// Shares of weights that training changed, as they are and as passes compute with them, of each
/// replica; none in float32.
fn changes(start: &Model, trained: &Model) -> Result<Option<Vec<Change>>> {
    if trained.compute() == Kind::Float {
        return Ok(None);
    }
    let changed = |kind| picklock_lm::changed(start, trained, kind);
    let (weights, computed) = (changed(trained.kind())?, changed(trained.compute())?);
    let change = |(weights, computed)| Change::Training { weights, computed };
    Ok(Some(
        weights.into_iter().zip(computed).map(change).collect(),
    ))
}
