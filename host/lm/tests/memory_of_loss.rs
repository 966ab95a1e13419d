//! What the loss of a large vocabulary takes: a part of its logits at a time.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs::read_to_string;

use picklock_family::{Architecture, Gpt2Config};
use picklock_lm::{gradients, token_log_probs};
use picklock_sdk::Memory;

use support::{batch, model};

const WORDS: i64 = 102_400;

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    1024 * kilobytes.trim().parse::<u64>().unwrap()
}

/// 1,024 targets are 420 MB of logits, and autograd would keep three times that. This is the only
/// test here, as others beside it would add to the peak.
#[test]
fn logits_of_a_large_vocabulary_never_exist_all_at_once() {
    let model = model(
        &Architecture::Gpt2(Gpt2Config {
            vocab_size: WORDS,
            n_positions: 16,
            n_embd: 4,
            n_layer: 1,
            n_head: 1,
            n_inner: None,
            layer_norm_epsilon: 1e-5,
            tie_word_embeddings: true,
        }),
        1,
    );
    let rows = (0..256).map(|row| (0..10).map(|place| row * 401 + place).collect());
    let batch = batch(&[rows.collect()]);
    let whole = 4 * WORDS as u64 * batch.targets.labels.numel() as u64;
    assert_eq!(batch.targets.labels.numel(), 1024);
    let before = peak();
    let _ = token_log_probs(&model, &batch).unwrap();
    let scored = peak();
    let _ = gradients(&model, &batch, Memory::default()).unwrap();
    let trained = peak();
    assert!(
        scored - before < whole / 2,
        "scoring takes {}",
        scored - before
    );
    assert!(
        trained - before < whole,
        "gradients take {}",
        trained - before
    );
}
