//! Random streams: everything random comes from a counter-based generator keyed by what it is for.

use std::fmt::Display;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The run's random streams. A stream is keyed by the root seed and the parts of its name: seed,
/// draw where it applies, purpose. Streams that arms share never name the arm, which is what makes
/// comparisons paired.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    /// The run's root seed.
    pub root: u64,
}

impl Streams {
    /// The key of the stream of this name.
    pub fn key(&self, parts: &[&dyn Display]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.root.to_le_bytes());
        for part in parts {
            let text = part.to_string();
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        hash.finalize().into()
    }

    /// The stream of this name, at its start.
    pub fn rng(&self, parts: &[&dyn Display]) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.key(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept_apart() {
        let streams = Streams { root: 0 };
        assert_ne!(streams.key(&[&"ab", &"c"]), streams.key(&[&"a", &"bc"]));
        assert_ne!(
            streams.key(&[&1, &"x"]),
            Streams { root: 1 }.key(&[&1, &"x"])
        );
    }
}
