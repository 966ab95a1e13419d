//! Keys: the hash of a recipe names what the recipe makes.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 of a recipe, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key(String);

impl Key {
    /// The key of a recipe: of its JSON, in which equal recipes are equal texts.
    pub fn of(recipe: &impl Serialize) -> Self {
        // Only maps with keys that are no strings, and types that refuse, can't be written: recipes
        // are made of plain structs.
        Self::of_bytes(&serde_json::to_vec(recipe).unwrap_or_default())
    }

    /// The key of some bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::of_hash(Sha256::new_with_prefix(bytes))
    }

    /// The key of what was put into a hash.
    pub fn of_hash(hash: Sha256) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(64);
        for byte in hash.finalize() {
            for half in [byte >> 4, byte & 15] {
                text.push(char::from(DIGITS[usize::from(half)]));
            }
        }
        Self(text)
    }

    /// The first 12 digits, for people and file names.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sha_256_in_hexadecimal() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Key::of_bytes(b"").to_string(), empty);
        assert_eq!(Key::of_bytes(b"").short(), &empty[..12]);
    }
}
