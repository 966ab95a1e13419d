//! Rows to train on, laid out on the device once, from which each step gathers its batch.

use picklock_lm::{Batch, Batches, Device, Kind, Model, Rows, Side, Soft, Targets, Tensor};
use picklock_message::Result;

/// A prompt, and the answer that is trained on.
#[derive(Clone, Debug)]
pub struct Row {
    /// Tokens of the whole prompt.
    pub prompt: Vec<u32>,
    /// Tokens of the answer.
    pub answer: Vec<u32>,
    /// A weight for each answer token.
    pub weights: Vec<f32>,
}

impl Row {
    /// A row whose answer tokens weigh `weight` each.
    pub fn new(prompt: Vec<u32>, answer: Vec<u32>, weight: f32) -> Self {
        let weights = vec![weight; answer.len()];
        Self {
            prompt,
            answer,
            weights,
        }
    }

    /// What the model reads: everything but the answer's last token.
    fn tokens(&self) -> Vec<u32> {
        let read = self.answer.len().saturating_sub(1);
        [&self.prompt, &self.answer[..read]].concat()
    }
}

/// Distributions as the labels of rows.
#[derive(Debug)]
pub struct Spread {
    /// Over few tokens each, these tokens, with one size `[.., row, answer token, token]`; one that
    /// isn't needed has probability 0. Without them over the whole vocabulary.
    pub ids: Option<Tensor>,
    /// `[.., row, answer token, token]`.
    pub probabilities: Tensor,
}

impl Spread {
    /// Joins the tensors of several, all over the whole vocabulary or all over few tokens.
    ///
    /// # Errors
    /// Where `join` fails.
    pub fn join(
        of: &[&Self],
        join: impl Fn(&[&Tensor]) -> picklock_lm::Result<Tensor>,
    ) -> picklock_lm::Result<Option<Self>> {
        if of.is_empty() {
            return Ok(None);
        }
        let ids: Option<Vec<&Tensor>> = of.iter().map(|one| one.ids.as_ref()).collect();
        let probabilities: Vec<&Tensor> = of.iter().map(|one| &one.probabilities).collect();
        Ok(Some(Self {
            ids: ids.map(|ids| join(&ids)).transpose()?,
            probabilities: join(&probabilities)?,
        }))
    }
}

/// Rows of every replica on the device, and the order in which steps take them.
pub struct TrainingSet {
    rows: Batch,
    /// `[replica, step, row of the batch]`; none where every step takes all rows.
    order: Option<Tensor>,
    /// Steps of the order that were taken in an earlier training.
    pub first_step: usize,
    /// Rows of a batch before the soft ones.
    hard_rows: i64,
    /// Where the soft labels of a batch come from, if they aren't stored with the rows.
    labels: Option<Labels>,
}

/// What gives the soft labels of the last rows.
struct Labels {
    source: LabelSource,
    /// The first of these rows.
    first_row: i64,
    /// Tokens of the model that learns.
    vocab_size: i64,
}

enum LabelSource {
    /// Distributions over few tokens each, `[replica, soft row, answer token, token]`.
    Few { ids: Tensor, probabilities: Tensor },
    /// A stack of models, asked as the batch is made (the distributions of a whole set would fill the
    /// memory), and the soft rows as they read them.
    Model(Model, Batch),
}

impl TrainingSet {
    /// Rows `[replica][row]`; `order` gives each replica's rows for all steps one after another,
    /// `batch` of them a step; none means all rows at every step.
    ///
    /// # Errors
    /// Where all weights of a replica are zero, or the device refuses.
    pub fn new(
        rows: &[Vec<Row>],
        order: Option<(&[Vec<i64>], usize)>,
        device: Device,
    ) -> Result<Self> {
        let order = order
            .map(|(order, batch)| {
                Tensor::from_slice(&order.concat())
                    .f_view([rows.len() as i64, -1, batch as i64])?
                    .f_to_device(device)
            })
            .transpose()
            .map_err(picklock_lm::Error::from)?;
        Ok(Self {
            rows: batch_of(rows, longest(rows), device)?,
            order,
            first_step: 0,
            hard_rows: 0,
            labels: None,
        })
    }

    /// Makes the last rows soft: `model` labels them, one for each replica, as it reads them in
    /// `soft_rows`, `[replica][soft row]`. Of every batch the rows from `hard_rows` on are soft ones.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn labelled(
        mut self,
        model: Model,
        soft_rows: &[Vec<Row>],
        hard_rows: usize,
        vocab_size: usize,
    ) -> Result<Self> {
        let longest = self.rows.targets.positions.size()[2] as usize;
        let rows = batch_of(soft_rows, longest, model.device())?;
        self.hard_rows = hard_rows as i64;
        self.labels = Some(Labels {
            first_row: self.rows.rows.tokens.size()[1] - rows.rows.tokens.size()[1],
            source: LabelSource::Model(model, rows),
            vocab_size: vocab_size as i64,
        });
        Ok(self)
    }

    /// Makes the last rows soft: `spread` is `[replica, soft row, ..]`, and of every batch the rows
    /// from `hard_rows` on are soft ones.
    #[must_use]
    pub fn soft(mut self, spread: Spread, hard_rows: usize, vocab_size: usize) -> Self {
        let Spread { ids, probabilities } = spread;
        let first_row = self.rows.rows.tokens.size()[1] - probabilities.size()[1];
        self.hard_rows = hard_rows as i64;
        if let Some(ids) = ids {
            self.labels = Some(Labels {
                source: LabelSource::Few { ids, probabilities },
                first_row,
                vocab_size: vocab_size as i64,
            });
        } else {
            self.rows.targets.soft = Some(Soft {
                first_row,
                probabilities,
            });
        }
        self
    }
}

impl Labels {
    /// The whole distributions of the rows at these indices, `[replica, row]`.
    fn select(&self, rows: &Tensor) -> picklock_lm::Result<Tensor> {
        let rows = rows.f_sub_scalar(self.first_row)?;
        match &self.source {
            LabelSource::Few { ids, probabilities } => self.select_few(ids, probabilities, &rows),
            LabelSource::Model(model, own) => {
                let read = own.select(&rows, 0)?;
                let positions = &read.targets.positions;
                let whole = picklock_lm::distributions(model, &read.rows, positions, 1.0)?;
                // Models of one tokenizer may fill their vocabulary up to different sizes.
                let more = self.vocab_size - whole.size()[3];
                Ok(whole.f_constant_pad_nd([0, more])?)
            }
        }
    }

    fn select_few(
        &self,
        ids: &Tensor,
        probabilities: &Tensor,
        rows: &Tensor,
    ) -> picklock_lm::Result<Tensor> {
        let size = ids.size();
        let (replicas, own) = (size[0], size[1]);
        let start = Tensor::f_arange(replicas, (Kind::Int64, rows.device()))?
            .f_mul_scalar(own)?
            .f_unsqueeze(1)?;
        let index = rows.f_add(&start)?.f_reshape([-1])?;
        let select = |tensor: &Tensor| -> picklock_lm::Result<Tensor> {
            let flat = tensor.f_view([replicas * own, size[2], size[3]])?;
            Ok(flat.f_index_select(0, &index)?)
        };
        let (ids, probabilities) = (select(ids)?, select(probabilities)?);
        let shape = [ids.size()[0], size[2], self.vocab_size];
        let whole = Tensor::f_zeros(shape, (Kind::Float, rows.device()))?.f_scatter_add(
            -1,
            &ids.f_to_kind(Kind::Int64)?,
            &probabilities,
        )?;
        Ok(whole.f_view([replicas, -1, size[2], self.vocab_size])?)
    }
}

impl TrainingSet {
    /// All rows as one batch.
    pub fn into_batch(self) -> Batch {
        self.rows
    }
}

impl Batches for TrainingSet {
    fn batch(&mut self, step: usize) -> picklock_lm::Result<Batch> {
        let Some(order) = &self.order else {
            return Ok(self.rows.shallow_clone());
        };
        let rows = order.f_select(1, (self.first_step + step) as i64)?;
        let mut batch = self.rows.select(&rows, self.hard_rows)?;
        if let Some(labels) = &self.labels {
            let soft = rows.f_narrow(1, self.hard_rows, rows.size()[1] - self.hard_rows)?;
            batch.targets.soft = Some(Soft {
                first_row: self.hard_rows,
                probabilities: labels.select(&soft)?,
            });
        }
        Ok(batch)
    }

    fn constant(&self) -> bool {
        self.order.is_none()
    }
}

/// Tokens of the longest answer.
fn longest(rows: &[Vec<Row>]) -> usize {
    let lengths = rows.iter().flatten().map(|row| row.answer.len());
    lengths.max().unwrap_or(0)
}

/// Rows on the device, with targets for so many answer tokens.
fn batch_of(rows: &[Vec<Row>], longest: usize, device: Device) -> Result<Batch> {
    let tokens: Vec<Vec<_>> = rows
        .iter()
        .map(|rows| rows.iter().map(Row::tokens).collect())
        .collect();
    Ok(Batch {
        rows: Rows::from_ids(&tokens, Side::Right, device)?,
        targets: targets(rows, longest, device)?,
    })
}

/// Where each answer token is predicted, what it is and what it weighs, padded with weight 0.
fn targets(rows: &[Vec<Row>], longest: usize, device: Device) -> Result<Targets> {
    let (mut positions, mut labels, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows.iter().flatten() {
        for index in 0..longest {
            let (position, label, weight) = if index < row.answer.len() {
                let position = (row.prompt.len() + index) as i64 - 1;
                (position, i64::from(row.answer[index]), row.weights[index])
            } else {
                (0, 0, 0.0)
            };
            positions.push(position);
            labels.push(label);
            weights.push(weight);
        }
    }
    let size = [rows.len() as i64, rows[0].len() as i64, longest as i64];
    let on_device = |tensor: Tensor| {
        let viewed = tensor.f_view(size);
        viewed
            .and_then(|tensor| tensor.f_to_device(device))
            .map_err(picklock_lm::Error::from)
    };
    Ok(Targets::new(
        on_device(Tensor::from_slice(&positions))?,
        on_device(Tensor::from_slice(&labels))?,
        on_device(Tensor::from_slice(&weights))?,
        None,
    )?)
}
