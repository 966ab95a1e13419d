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
pub enum Spread {
    /// Over the whole vocabulary, `[.., row, answer token, vocab]`.
    Whole(Tensor),
    /// Over few tokens each, with one size `[.., row, answer token, token]`.
    Few {
        /// Which tokens; one that isn't needed has probability 0.
        ids: Tensor,
        /// Their probabilities.
        probabilities: Tensor,
    },
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
        let (mut whole, mut all_ids, mut all_chances) = (Vec::new(), Vec::new(), Vec::new());
        for spread in of {
            match spread {
                Self::Whole(tensor) => whole.push(tensor),
                Self::Few { ids, probabilities } => {
                    all_ids.push(ids);
                    all_chances.push(probabilities);
                }
            }
        }
        Ok(match (whole.is_empty(), all_ids.is_empty()) {
            (true, true) => None,
            (false, _) => Some(Self::Whole(join(&whole)?)),
            (true, false) => Some(Self::Few {
                ids: join(&all_ids)?,
                probabilities: join(&all_chances)?,
            }),
        })
    }

    fn rows(&self) -> i64 {
        match self {
            Self::Whole(tensor) | Self::Few { ids: tensor, .. } => tensor.size()[1],
        }
    }
}

/// Rows of every replica on the device, and the order in which steps take them.
pub struct TrainingSet {
    rows: Batch,
    /// `[replica, step, row of the batch]`; none where every step takes all rows.
    order: Option<Tensor>,
    /// Rows of a batch before the soft ones.
    hard_rows: i64,
    /// Where the soft labels of a batch come from, if they don't lie beside the rows.
    labels: Option<Labels>,
}

/// What gives the soft labels of a batch.
enum Labels {
    /// What was noted of few tokens each.
    Few(Few),
    /// A model, as the batch is made: the distributions of a whole set would fill the memory.
    Model(Labeller),
}

/// A stack of models that gives the last rows their labels.
struct Labeller {
    model: Model,
    /// The soft rows as the model reads them.
    rows: Batch,
    first_row: i64,
    /// Tokens of the model that learns.
    vocab_size: i64,
}

/// Soft labels of the last rows, over few tokens each.
struct Few {
    /// `[replica, soft row, answer token, token]`.
    ids: Tensor,
    probabilities: Tensor,
    first_row: i64,
    vocab_size: i64,
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
        let order = order.map(|(order, batch)| {
            Tensor::from_slice(&order.concat())
                .f_view([rows.len() as i64, -1, batch as i64])
                .and_then(|order| order.f_to_device(device))
        });
        let order = order.transpose().map_err(picklock_lm::Error::from)?;
        Ok(Self {
            rows: batch_of(rows, longest(rows), device)?,
            order,
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
        let all = self.rows.rows.tokens.size()[1];
        let first_row = all - rows.rows.tokens.size()[1];
        self.hard_rows = hard_rows as i64;
        self.labels = Some(Labels::Model(Labeller {
            model,
            rows,
            first_row,
            vocab_size: vocab_size as i64,
        }));
        Ok(self)
    }

    /// Makes the last rows soft: `spread` is `[replica, soft row, ..]`, and of every batch the rows
    /// from `hard_rows` on are soft ones.
    #[must_use]
    pub fn soft(mut self, spread: Spread, hard_rows: usize, vocab_size: usize) -> Self {
        let first_row = self.rows.rows.tokens.size()[1] - spread.rows();
        self.hard_rows = hard_rows as i64;
        match spread {
            Spread::Whole(probabilities) => {
                self.rows.targets.soft = Some(Soft {
                    first_row,
                    probabilities,
                });
            }
            Spread::Few { ids, probabilities } => {
                self.labels = Some(Labels::Few(Few {
                    ids,
                    probabilities,
                    first_row,
                    vocab_size: vocab_size as i64,
                }));
            }
        }
        self
    }
}

impl Labels {
    /// The whole distributions of the rows at these indices, `[replica, row]`.
    fn select(&self, rows: &Tensor) -> picklock_lm::Result<Tensor> {
        match self {
            Self::Few(few) => few.select(rows),
            Self::Model(Labeller {
                model,
                rows: own,
                first_row,
                vocab_size,
            }) => {
                let read = own.select(&rows.f_sub_scalar(*first_row)?, 0)?;
                let positions = &read.targets.positions;
                let whole = picklock_lm::distributions(model, &read.rows, positions, 1.0)?;
                // Models of one tokenizer may fill their vocabulary up to different sizes.
                let more = vocab_size - whole.size()[3];
                Ok(whole.f_constant_pad_nd([0, more])?)
            }
        }
    }
}

impl Few {
    /// The whole distributions of the rows at these indices, `[replica, row]`.
    fn select(&self, rows: &Tensor) -> picklock_lm::Result<Tensor> {
        let size = self.ids.size();
        let (replicas, own) = (size[0], size[1]);
        let start = Tensor::f_arange(replicas, (Kind::Int64, rows.device()))?;
        let start = start.f_mul_scalar(own)?.f_unsqueeze(1)?;
        let index = rows.f_sub_scalar(self.first_row)?.f_add(&start)?;
        let select = |tensor: &Tensor| -> picklock_lm::Result<Tensor> {
            let flat = tensor.f_view([replicas * own, size[2], size[3]])?;
            Ok(flat.f_index_select(0, &index.f_reshape([-1])?)?)
        };
        let (ids, probabilities) = (select(&self.ids)?, select(&self.probabilities)?);
        let shape = [ids.size()[0], size[2], self.vocab_size];
        let whole = Tensor::f_zeros(shape, (Kind::Float, rows.device()))?;
        let whole = whole.f_scatter_add(-1, &ids.f_to_kind(Kind::Int64)?, &probabilities)?;
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
        match &self.order {
            Some(order) => {
                let rows = order.f_select(1, step as i64)?;
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
            None => Ok(self.rows.shallow_clone()),
        }
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
            let inside = index < row.answer.len();
            positions.push(if inside {
                (row.prompt.len() + index) as i64 - 1
            } else {
                0
            });
            labels.push(if inside {
                i64::from(row.answer[index])
            } else {
                0
            });
            weights.push(if inside { row.weights[index] } else { 0.0 });
        }
    }
    let size = [rows.len() as i64, rows[0].len() as i64, longest as i64];
    let place = |tensor: Tensor| {
        tensor
            .f_view(size)
            .and_then(|tensor| tensor.f_to_device(device))
    };
    let place = |tensor| place(tensor).map_err(picklock_lm::Error::from);
    Ok(Targets::new(
        place(Tensor::from_slice(&positions))?,
        place(Tensor::from_slice(&labels))?,
        place(Tensor::from_slice(&weights))?,
        None,
    )?)
}
