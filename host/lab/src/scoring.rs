//! Scoring: log-probabilities of given answers, several members in one stack.

use picklock_lm::{Kind, Tensor, token_log_probs};
use picklock_message::Result;
use picklock_sdk::Flag;

use crate::bench::Bench;
use crate::making::{Row, TrainingSet};
use crate::operation::{Operation, Product};

impl Bench<'_> {
    /// The log-probability in nats of every answer token of each member's samples.
    pub(super) fn token_logprobs(&self, stack: &[Operation], flag: Flag) -> Result<Vec<Product>> {
        let (mut models, mut rows) = (Vec::new(), Vec::new());
        for operation in stack {
            let Operation::TokenLogProbs { model, samples, .. } = operation else {
                continue;
            };
            rows.push(self.sample_rows(samples, flag)?);
            models.push(model);
        }
        let batch = TrainingSet::new(&rows, None, self.maker.device)?.into_batch();
        let scores = token_log_probs(&self.residence.stack(&models)?, &batch)?;
        let scores = flat(&scores)?;
        let longest = scores.len() / rows.iter().map(Vec::len).sum::<usize>();
        let mut scores = scores.chunks(longest);
        let product = |rows: &Vec<Row>| {
            let of_row = |(row, scores): (&Row, &[f64])| scores[..row.answer.len()].to_vec();
            Product::TokenLogProbs(rows.iter().zip(scores.by_ref()).map(of_row).collect())
        };
        Ok(rows.iter().map(product).collect())
    }
}

fn flat(scores: &Tensor) -> Result<Vec<f64>> {
    let flat = scores
        .f_to_kind(Kind::Double)
        .and_then(|scores| scores.f_reshape([-1]));
    let flat = flat.and_then(Vec::try_from);
    Ok(flat.map_err(picklock_lm::Error::from)?)
}
