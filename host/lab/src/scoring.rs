//! Scoring: log-probabilities of given answers, several members in one stack.

use picklock_lm::{Kind, token_log_probs};
use picklock_message::Result;
use picklock_sdk::Flag;

use crate::making::{Row, TrainingSet};
use crate::operation::{Operation, Product};
use crate::operations::Operations;

impl Operations<'_> {
    /// The log-probability in nats of every answer token of each member's samples.
    ///
    /// # Errors
    /// Where a sample has wrong tokens, or the device refuses.
    pub fn token_log_probs(&self, stack: &[Operation], flag: Flag) -> Result<Vec<Product>> {
        let models: Vec<_> = stack.iter().filter_map(Operation::model).collect();
        let samples = stack.iter().filter_map(|operation| match operation {
            Operation::TokenLogProbs { samples, .. } => Some(samples),
            _ => None,
        });
        let rows: Vec<Vec<Row>> = samples
            .map(|samples| self.sample_rows(samples, flag))
            .collect::<Result<_>>()?;
        let batch = TrainingSet::new(&rows, None, self.maker.device)?.into_batch();
        let scores = token_log_probs(&self.residence.stack(&models)?, &batch)?;
        let scores = scores
            .f_to_kind(Kind::Double)
            .and_then(|scores| Vec::<f64>::try_from(scores.f_reshape([-1])?))
            .map_err(picklock_lm::Error::from)?;
        let longest = scores.len() / rows.iter().map(Vec::len).sum::<usize>();
        let mut scores = scores.chunks(longest);
        let product = |rows: &Vec<Row>| {
            let of_row = |(row, scores): (&Row, &[f64])| scores[..row.answer.len()].to_vec();
            Product::TokenLogProbs(rows.iter().zip(scores.by_ref()).map(of_row).collect())
        };
        Ok(rows.iter().map(product).collect())
    }
}
