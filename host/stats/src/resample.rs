//! Random resamples that are the same at any number of threads.

use std::thread;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Resamples of one chunk; each chunk has a generator of its own.
const CHUNK: usize = 128;

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// Keys the generator; the same key gives the same resamples.
    pub key: u64,
    /// How many resamples.
    pub resamples: usize,
    /// Threads to spread them over, at least 1; they change no byte of the outcome.
    pub threads: usize,
}

impl Resampling {
    /// 9,999 resamples on one thread.
    pub fn keyed(key: u64) -> Self {
        Self {
            key,
            resamples: 9_999,
            threads: 1,
        }
    }

    /// Calls `one` for every resample, in chunks of fixed size: chunk i draws from the key's stream i
    /// of `ChaCha8`, whichever thread it falls to.
    pub(crate) fn run<T: Send>(self, one: impl Fn(&mut ChaCha8Rng) -> T + Sync) -> Vec<T> {
        let chunks = self.resamples.div_ceil(CHUNK);
        let chunk = |index: usize| -> Vec<T> {
            let mut random = ChaCha8Rng::seed_from_u64(self.key);
            random.set_stream(index as u64);
            let size = CHUNK.min(self.resamples - index * CHUNK);
            (0..size).map(|_| one(&mut random)).collect()
        };
        let threads = self.threads.clamp(1, chunks.max(1));
        if threads == 1 {
            return (0..chunks).flat_map(chunk).collect();
        }
        let share =
            |first: usize| -> Vec<Vec<T>> { (first..chunks).step_by(threads).map(chunk).collect() };
        let mut shares: Vec<_> = thread::scope(|scope| {
            let running = (0..threads).map(|first| scope.spawn(move || share(first)));
            let running: Vec<_> = running.collect();
            let joined = running.into_iter().map(thread::ScopedJoinHandle::join);
            joined
                .map(|share| share.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .map(Vec::into_iter)
                .collect()
        });
        let in_order = (0..chunks).filter_map(|index| shares[index % threads].next());
        in_order.flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::RngCore;

    fn bytes(key: u64, resamples: usize, threads: usize) -> Vec<u64> {
        let resampling = Resampling {
            key,
            resamples,
            threads,
        };
        resampling.run(RngCore::next_u64)
    }

    #[test]
    fn threads_change_nothing() {
        for resamples in [0, 1, 127, 128, 129, 1000] {
            let alone = bytes(7, resamples, 1);
            assert_eq!(alone.len(), resamples);
            for threads in [2, 3, 7, 64] {
                assert_eq!(
                    bytes(7, resamples, threads),
                    alone,
                    "{resamples} on {threads}"
                );
            }
        }
    }

    #[test]
    fn more_resamples_begin_like_fewer_and_chunks_differ() {
        let many = bytes(7, 1000, 3);
        assert_eq!(many[..200], bytes(7, 200, 1));
        assert_ne!(many[..CHUNK], many[CHUNK..2 * CHUNK]);
        assert_ne!(many, bytes(8, 1000, 3));
    }
}
