//! A GPU does what a CPU does: its kernels, captured steps and decodings beside libtorch's own.
//!
//! Where there is no GPU, these tests say that they were skipped. Run them on one thread.

#![allow(clippy::unwrap_used)]

mod support;

use picklock_family::{Architecture, Gpt2Config};
use picklock_lm::cuda::Graph;
use picklock_lm::{
    Batch, Decoding, Device, Kind, Model, Rows, Scored, Side, Soft, Tensor, generate,
    generate_scored, gradients, logits, loss, runtime, token_log_probs,
};
use picklock_sdk::{Decay, Float, Memory, Optimizer, Precision, Recipe};

use support::{Noise, apart, batch, families, ids, is_key_bias, relative, train};

const GPU: Device = Device::Cuda(0);

const ADAMW: Optimizer = Optimizer::AdamW {
    beta1: 0.9,
    beta2: 0.99,
    weight_decay: 0.01,
};

const LION: Optimizer = Optimizer::Lion {
    beta1: 0.9,
    beta2: 0.99,
    weight_decay: 0.01,
};

const IN_BACKWARD: Memory = Memory {
    update_in_backward: true,
    activation_checkpointing: true,
};

/// Whether there is a GPU; says so where there is none.
fn gpu() -> bool {
    runtime::start(Some(1));
    let found = runtime::gpu_count() > 0;
    if !found {
        println!("skipped: no GPU");
    }
    found
}

/// Models and stacks of all families, on both devices.
fn pairs() -> Vec<(Model, Model)> {
    let all = families().into_iter().flat_map(|(models, stack)| {
        let first = models.into_iter().next().unwrap();
        [first, stack]
    });
    all.map(|model| {
        let there = model.to_device(GPU).unwrap();
        (model, there)
    })
    .collect()
}

fn back(tensor: &Tensor) -> Tensor {
    tensor.to_device(Device::Cpu).to_kind(Kind::Float)
}

fn rows_of(model: &Model, seed: u64) -> Batch {
    batch(&ids(seed, model.replicas() as usize, 4, 10))
}

#[test]
fn logits_losses_and_log_probs_agree() {
    if !gpu() {
        return;
    }
    for (here, there) in pairs() {
        let batch = rows_of(&here, 5);
        let moved = batch.to_device(GPU).unwrap();
        let name = here.architecture().name();
        let off = apart(
            &back(&logits(&there, &moved.rows).unwrap()),
            &logits(&here, &batch.rows).unwrap(),
        );
        assert!(off < 2e-4, "{name}: logits {off}");
        let off = apart(
            &back(&loss(&there, &moved).unwrap()),
            &loss(&here, &batch).unwrap(),
        );
        assert!(off < 2e-4, "{name}: loss {off}");
        let off = apart(
            &back(&token_log_probs(&there, &moved).unwrap()),
            &token_log_probs(&here, &batch).unwrap(),
        );
        assert!(off < 2e-4, "{name}: log-probabilities {off}");
    }
}

#[test]
fn soft_labels_agree() {
    if !gpu() {
        return;
    }
    for (here, there) in pairs() {
        let mut batch = rows_of(&here, 6);
        let mut noise = Noise(3);
        let mut numbers = vec![0.0; (here.replicas() * 3 * 4 * 19) as usize];
        noise.fill(&mut numbers);
        let size = [here.replicas(), 3, 4, 19];
        let probabilities = Tensor::from_slice(&numbers)
            .view_(size)
            .softmax(-1, Kind::Float);
        batch.targets.soft = Some(Soft {
            first_row: 1,
            probabilities,
        });
        same_gradients(&here, &there, &batch, Memory::default());
    }
}

fn same_gradients(here: &Model, there: &Model, batch: &Batch, memory: Memory) {
    let expected = gradients(here, batch, Memory::default()).unwrap();
    let got = gradients(there, &batch.to_device(GPU).unwrap(), memory).unwrap();
    for ((name, a), (_, b)) in got.iter().zip(expected.iter()) {
        if !is_key_bias(name) {
            assert!(
                relative(&back(a), b) < 1e-3,
                "{name}: {}",
                relative(&back(a), b)
            );
        }
    }
}

#[test]
fn gradients_agree() {
    if !gpu() {
        return;
    }
    for (here, there) in pairs() {
        let batch = rows_of(&here, 7);
        for memory in [Memory::default(), IN_BACKWARD] {
            same_gradients(&here, &there, &batch, memory);
        }
    }
}

/// The same numbers in bfloat16, to its precision: 8 bits of mantissa, a few roundings deep.
#[test]
fn bfloat16_is_as_near_as_it_can_be() {
    if !gpu() {
        return;
    }
    for (here, there) in pairs() {
        let rounded = there.to_kind(Kind::BFloat16).unwrap();
        let batch = rows_of(&here, 8);
        let moved = batch.to_device(GPU).unwrap();
        let off = relative(
            &back(&logits(&rounded, &moved.rows).unwrap()),
            &logits(&here, &batch.rows).unwrap(),
        );
        assert!(off < 0.03, "logits {off}");
        let expected = gradients(&here, &batch, Memory::default()).unwrap();
        let got = gradients(&rounded, &moved, Memory::default()).unwrap();
        let all = |weights: &picklock_lm::Weights| {
            let flat: Vec<Tensor> = weights.iter().map(|(_, t)| back(t).reshape([-1])).collect();
            Tensor::cat(&flat, 0)
        };
        let off = relative(&all(&got), &all(&expected));
        assert!(off < 0.1, "gradients {off}");
    }
}

fn recipe(optimizer: Optimizer, clip_norm: Option<f64>, memory: Memory) -> Recipe {
    Recipe {
        warmup_steps: 3,
        decay: Decay::Cosine,
        clip_norm: clip_norm.into(),
        memory,
        ..Recipe::new(optimizer, 1e-3, 12, 4)
    }
}

/// 12 steps, of which all but the first are replayed from a graph; every second batch is another.
#[test]
fn captured_trainings_end_where_others_do() {
    if !gpu() {
        return;
    }
    for (here, there) in pairs() {
        for recipe in [
            recipe(ADAMW, Some(0.5), Memory::default()),
            recipe(ADAMW, None, IN_BACKWARD),
            recipe(LION, Some(0.5), Memory::default()),
        ] {
            let all = [rows_of(&here, 7), rows_of(&here, 8)];
            let run = |model: &Model, device: Device| {
                let recipe = recipe.clone().snapshots([5]);
                train(model, &recipe, |step| {
                    all[step % 2].to_device(device).unwrap()
                })
            };
            let (expected, got) = (run(&here, Device::Cpu), run(&there, GPU));
            for (a, b) in [
                (&got.model, &expected.model),
                (&got.snapshots[0], &expected.snapshots[0]),
            ] {
                for ((name, a), (_, b)) in a.weights().iter().zip(b.weights().iter()) {
                    if !is_key_bias(name) {
                        let off = (back(a) - b).abs().mean(Kind::Float).double_value(&[]);
                        assert!(off < 1e-4, "{name}: {off}");
                    }
                }
            }
            for (a, b) in got.loss.iter().zip(&expected.loss) {
                assert!((a - b).abs() < 2e-2, "{a} {b}");
            }
        }
    }
}

#[test]
fn master_copies_agree() {
    if !gpu() {
        return;
    }
    for (here, there) in pairs() {
        let precision = Precision {
            weights: Float::Bfloat16,
            master: true,
            states: Float::Bfloat16,
        };
        let recipe = Recipe {
            precision,
            ..recipe(LION, None, IN_BACKWARD)
        };
        let run = |model: &Model, device: Device| {
            let batch = rows_of(model, 7).to_device(device).unwrap();
            train(model, &recipe, |_| batch.shallow_clone()).model
        };
        let (expected, got) = (run(&here, Device::Cpu), run(&there, GPU));
        assert_eq!((got.kind(), got.compute()), (Kind::Float, Kind::BFloat16));
        for ((name, a), (_, b)) in got.weights().iter().zip(expected.weights().iter()) {
            // Signs of small gradients differ in bfloat16, and each is a whole step of Lion's.
            let off = (back(a) - b).abs().mean(Kind::Float).double_value(&[]);
            assert!(is_key_bias(name) || off < 2e-3, "{name}: {off}");
        }
    }
}

/// Prompts of unequal length, 22 new tokens (enough to be captured), greedy and sampled, with and
/// without stop tokens: rows that have ended are dropped on the way, of a stack too.
#[test]
fn decodings_agree() {
    if !gpu() {
        return;
    }
    for (here, there) in pairs() {
        for (temperature, top_p, stop) in [
            (0.0, 1.0, vec![]),
            (0.0, 1.0, vec![3, 5]),
            (0.8, 1.0, vec![]),
            (0.8, 0.7, vec![4]),
        ] {
            let mut prompts = ids(9, here.replicas() as usize, 8, 5);
            for (row, prompt) in prompts.iter_mut().flatten().enumerate() {
                prompt.truncate(3 + row % 2);
            }
            let decoding = Decoding {
                temperature,
                top_p,
                stop,
                ..Decoding::greedy(22)
            };
            let count = (here.replicas() * 8 * 22) as usize;
            let uniforms = Tensor::from_slice(&Noise(1).uniforms(count));
            let uniforms = uniforms.view([here.replicas(), 8, 22]);
            let run = |model: &Model, device: Device| -> Vec<Scored> {
                let rows = Rows::from_ids(&prompts, Side::Left, device).unwrap();
                let answers = generate_scored(model, &rows, &decoding, Some(&uniforms)).unwrap();
                answers.into_iter().flatten().collect()
            };
            let (expected, got) = (run(&here, Device::Cpu), run(&there, GPU));
            let pairs = || expected.iter().zip(&got);
            let same = pairs().filter(|(a, b)| a.tokens == b.tokens).count();
            let all = pairs().count();
            let name = here.architecture().name();
            // A near-tie may fall the other way, and takes its row along.
            assert!(
                same * 20 >= all * 19,
                "{name}: {same} of {all} at {temperature}"
            );
            for (a, b) in pairs().filter(|(a, b)| a.tokens == b.tokens) {
                for (a, b) in a.log_probs.iter().zip(&b.log_probs) {
                    assert!((a - b).abs() < 2e-4, "{name}: log-probability {a} {b}");
                }
            }
        }
    }
}

/// Answers of a stack whose lengths are geometric: in the time of all steps at full width half of
/// it must be left.
#[test]
fn ended_rows_of_a_stack_are_dropped() {
    if !gpu() {
        return;
    }
    let architecture = Architecture::Gpt2(Gpt2Config {
        vocab_size: 20,
        n_positions: 256,
        n_embd: 64,
        n_layer: 2,
        n_head: 4,
        n_inner: None,
        layer_norm_epsilon: 1e-5,
        tie_word_embeddings: false,
    });
    let model = Model::noise(&architecture, 32, Kind::Float, GPU).unwrap();
    let rows = Rows::from_ids(&ids(1, 32, 512, 4), Side::Left, GPU).unwrap();
    let uniforms = Tensor::from_slice(&Noise(1).uniforms(32 * 512 * 240));
    let uniforms = uniforms.view([32, 512, 240]).to_device(GPU);
    let time = |stop: Vec<u32>| {
        let decoding = Decoding {
            temperature: 1e3, // every token is as likely
            stop,
            ..Decoding::greedy(240)
        };
        let run = || generate(&model, &rows, &decoding, Some(&uniforms)).unwrap();
        run();
        let started = std::time::Instant::now();
        let answers = run();
        (started.elapsed().as_secs_f64(), answers)
    };
    let ((full, all), (some, ended)) = (time(Vec::new()), time(vec![3]));
    println!("full width {full:.3} s, rows dropped as they end {some:.3} s");
    for (all, ended) in all.iter().flatten().zip(ended.iter().flatten()) {
        assert_eq!(all[..ended.len()], ended[..]);
    }
    assert!(some < full / 2.0, "{some} of {full}");
}

/// Trainings and decodings leave no memory behind.
#[test]
fn memory_is_as_it_was() {
    if !gpu() {
        return;
    }
    let (here, _) = families().into_iter().next().unwrap();
    let there = here[0].to_device(GPU).unwrap();
    let batch = rows_of(&there, 7).to_device(GPU).unwrap();
    let mut before = None;
    for _ in 0..20 {
        let recipe = recipe(ADAMW, Some(1.0), Memory::default());
        train(&there, &recipe, |_| batch.shallow_clone());
        let now = runtime::memory(GPU).unwrap().unwrap().allocated;
        assert_eq!(*before.get_or_insert(now), now);
    }
}

/// Reading a number waits for the device, which a capture forbids.
#[test]
fn a_failed_capture_is_forgotten() {
    if !gpu() {
        return;
    }
    let mut x = Tensor::ones([4], (Kind::Float, GPU));
    let failed = Graph::capture(GPU, || Ok(x.f_sum(None)?.f_double_value(&[])?));
    assert!(failed.is_err());
    let (graph, ()) = Graph::capture(GPU, || {
        let _ = x.f_add_scalar_(1)?;
        Ok(())
    })
    .unwrap();
    graph.replay().unwrap();
    graph.replay().unwrap();
    let random = Tensor::randn([4], (Kind::Float, GPU));
    assert!(random.isfinite().all().int64_value(&[]) == 1);
    assert_eq!(x.int64_value(&[0]), 3);
}
