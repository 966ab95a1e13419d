//! How answers are decoded.

/// How answers are decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoding {
    /// The longest answer.
    pub max_new_tokens: usize,
    /// 0 takes the likeliest token each time; above, tokens are sampled from logits over it.
    pub temperature: f64,
    /// Samples come from the fewest tokens, likeliest first, that together have this probability,
    /// and from those as likely as the last of them; 1 for all tokens.
    pub top_p: f64,
    /// Tokens that end an answer.
    pub stop: Vec<u32>,
}

impl Decoding {
    /// The likeliest tokens, so many.
    pub fn greedy(max_new_tokens: usize) -> Self {
        Self {
            max_new_tokens,
            temperature: 0.0,
            top_p: 1.0,
            stop: Vec::new(),
        }
    }
}
