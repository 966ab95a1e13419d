//! Random streams: a plugin's private randomness, fixed by seed, draw, arm and purpose.

use abi_stable::StableAbi;
use rand::{RngCore, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Names a random stream: a hash of root seed, seed, draw, hypothesis, arm and purpose.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RngKey {
    /// The key of the `ChaCha8` counter-based generator.
    pub bytes: [u8; 32],
}

/// A counter-based random stream (`ChaCha8`): the same key gives the same numbers everywhere.
#[derive(Clone, Debug)]
pub struct Rng {
    key: RngKey,
    stream: ChaCha8Rng,
}

impl Rng {
    /// The stream's start.
    pub fn new(key: RngKey) -> Self {
        Self {
            key,
            stream: ChaCha8Rng::from_seed(key.bytes),
        }
    }

    /// The key that the stream was made from, for the host to draw from it.
    pub fn into_key(self) -> RngKey {
        self.key
    }

    /// A random order of the numbers below `len`.
    pub fn permutation(&mut self, len: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..len).collect();
        order.shuffle(&mut self.stream);
        order
    }
}

impl RngCore for Rng {
    fn next_u32(&mut self) -> u32 {
        self.stream.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.stream.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.stream.fill_bytes(bytes);
    }
}
