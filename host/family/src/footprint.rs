//! The device memory that decoding takes.

use crate::Architecture;

/// Tokens of one model's prompts that run at a time.
pub const PROMPT_TOKENS: i64 = 1 << 15;

/// Bytes that decoding takes besides the model's weights, an upper estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Whatever the number of rows.
    pub fixed: u64,
    /// For each row of each replica: keys and values, logits, and in a stack the prompt's
    /// activations, which one model runs a part of its rows at a time for.
    pub row: u64,
}

impl Footprint {
    /// Of a stack that computes in numbers of `size` bytes, and rows of `tokens` tokens, new ones
    /// included; logits exist at `scored` positions of a row at a time.
    pub fn new(
        architecture: &Architecture,
        replicas: i64,
        size: u64,
        tokens: usize,
        scored: usize,
    ) -> Self {
        let (tokens, scored) = (tokens as u64, scored as u64);
        let cached = architecture.cached_numbers() as u64 * size * tokens;
        // The pass's own, float32, and what choosing among them takes: three of float64.
        let logit = size + 4 + 3 * 8;
        let logits = architecture.vocab_size() as u64 * logit * scored;
        let activations = architecture.plan().activations() as u64 * size;
        let row = cached + logits;
        match replicas {
            1 => Self {
                fixed: PROMPT_TOKENS as u64 * activations,
                row,
            },
            _ => Self {
                fixed: 0,
                row: row + activations * tokens,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    /// `DeepSeek` 7B: 2 x 30 layers x 4,096 numbers of 2 bytes for each token.
    #[test]
    fn keys_and_values_are_most_of_a_large_models_rows() {
        let architecture = Shape::B7.architecture();
        let footprint =
            |replicas, tokens, scored| Footprint::new(&architecture, replicas, 2, tokens, scored);
        let cached = 2 * 30 * 4096 * 2;
        let logits = 102_400 * (2 + 4 + 24);
        let one = footprint(1, 384, 1);
        assert_eq!(one.row, 384 * cached + logits);
        assert_eq!(footprint(1, 384, 10).row, 384 * cached + 10 * logits);
        // Attention's width: twice the stream, twice q, k and v, and what is mixed; the gated
        // layer's: the stream three times, gate, up and their product.
        let widest = 2 * (2 * 4096 + 4096 + 3 * 11_008);
        assert_eq!(one.fixed, PROMPT_TOKENS as u64 * widest);
        let stacked = footprint(2, 384, 1);
        assert_eq!((stacked.fixed, stacked.row), (0, one.row + 384 * widest));
    }
}
