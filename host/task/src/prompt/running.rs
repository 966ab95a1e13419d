//! Text that goes on: tokenizers that put a blank in front of every text must not put one in front of
//! an answer.

use tokenizers::Tokenizer;

/// Texts that an answer can be thought to follow, the likeliest to stay whole first.
const BEFORE: [&str; 3] = ["\n", ":", "."];

/// How `SentencePiece` writes a blank.
const BLANK: char = '\u{2581}';

/// What an answer is thought to follow, where the tokenizer (Llama 2's, say) puts a blank in front of
/// every text: text and tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running(Vec<(String, Vec<u32>)>);

impl Running {
    /// Looks whether a tokenizer puts a blank in front.
    pub fn of(tokenizer: &Tokenizer) -> Self {
        let before = BEFORE.iter().filter_map(|text| {
            let encoded = tokenizer.encode_fast(*text, false).ok()?;
            let ids = encoded.get_ids().to_vec();
            let first = tokenizer.id_to_token(*ids.first()?)?;
            first.starts_with(BLANK).then(|| ((*text).to_string(), ids))
        });
        Self(before.collect())
    }

    /// The tokens of a text that follows another.
    ///
    /// # Errors
    /// As the tokenizer.
    pub fn encode(&self, tokenizer: &Tokenizer, text: &str) -> tokenizers::Result<Vec<u32>> {
        for (before, ids) in &self.0 {
            let joint = tokenizer.encode_fast(format!("{before}{text}"), false)?;
            if let Some(own) = joint.get_ids().strip_prefix(ids.as_slice()) {
                return Ok(own.to_vec());
            }
        }
        Ok(tokenizer.encode_fast(text, false)?.get_ids().to_vec())
    }

    /// The text of tokens that follow others.
    ///
    /// # Errors
    /// As the tokenizer.
    pub fn decode(&self, tokenizer: &Tokenizer, ids: &[u32]) -> tokenizers::Result<String> {
        let Some((before, first)) = self.0.first() else {
            return tokenizer.decode(ids, false);
        };
        let joint = tokenizer.decode(&[first, ids].concat(), false)?;
        Ok(joint.strip_prefix(before).unwrap_or(&joint).to_string())
    }
}
