//! Rows to train on, laid out on the device once, from which each step gathers its batch.

use picklock_lm::{Batch, Batches, Device, Rows, Side, Soft, Targets, Tensor};

use crate::error::Result;

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

/// Rows of every replica on the device, and the order in which steps take them.
pub struct TrainingSet {
    rows: Batch,
    /// `[replica, step, row of the batch]`; none where every step takes all rows.
    order: Option<Tensor>,
    /// Rows of a batch before the soft ones.
    hard_rows: i64,
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
        let tokens: Vec<Vec<_>> = rows
            .iter()
            .map(|rows| rows.iter().map(Row::tokens).collect())
            .collect();
        let order = order.map(|(order, batch)| {
            Tensor::from_slice(&order.concat())
                .f_view([rows.len() as i64, -1, batch as i64])
                .and_then(|order| order.f_to_device(device))
        });
        let rows = Batch {
            rows: Rows::from_ids(&tokens, Side::Right, device)?,
            targets: targets(rows, device)?,
        };
        let order = order.transpose().map_err(picklock_lm::Error::from)?;
        Ok(Self {
            rows,
            order,
            hard_rows: 0,
        })
    }

    /// Makes the last rows soft: `probabilities` is `[replica, soft row, answer token, vocab]`, and
    /// of every batch the rows from `hard_rows` on are soft ones.
    #[must_use]
    pub fn soft(mut self, probabilities: Tensor, hard_rows: usize) -> Self {
        let first_row = self.rows.rows.tokens.size()[1] - probabilities.size()[1];
        self.rows.targets.soft = Some(Soft {
            first_row,
            probabilities,
        });
        self.hard_rows = hard_rows as i64;
        self
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
            Some(order) => self
                .rows
                .select(&order.f_select(1, step as i64)?, self.hard_rows),
            None => Ok(self.rows.shallow_clone()),
        }
    }

    fn constant(&self) -> bool {
        self.order.is_none()
    }
}

/// Where each answer token is predicted, what it is and what it weighs, padded with weight 0.
fn targets(rows: &[Vec<Row>], device: Device) -> Result<Targets> {
    let longest = rows
        .iter()
        .flatten()
        .map(|row| row.answer.len())
        .max()
        .unwrap_or(0);
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
