//! A step of unlocking: 2 rows of 512 tokens, each of which is to be predicted.

use std::ops::ControlFlow;

use picklock_family::{Architecture, Shape};
use picklock_lm::{Batch, Device, Model, Rows, Side, Targets, Tensor, Trainer, kind_of, runtime};
use picklock_message::Result;
use picklock_sdk::{Float, Memory, Optimizer, Precision, Recipe};

use crate::speed::Tell;
use crate::speed::ceiling::{Ceilings, seconds};
use crate::speed::figure::{Figure, peak_gib};

const ROWS: i64 = 2;
const LENGTH: i64 = 512;

/// A way to train that is measured.
struct Way {
    name: &'static str,
    optimizer: Optimizer,
    precision: Precision,
    memory: Memory,
}

const ADAMW: Optimizer = Optimizer::AdamW {
    beta1: 0.9,
    beta2: 0.999,
    weight_decay: 0.0,
};

const LION: Optimizer = Optimizer::Lion {
    beta1: 0.9,
    beta2: 0.99,
    weight_decay: 0.0,
};

const PURE_BFLOAT16: Precision = Precision {
    weights: Float::Bfloat16,
    master: false,
    states: Float::Bfloat16,
};

const WITH_MASTER: Precision = Precision {
    master: true,
    ..PURE_BFLOAT16
};

const IN_BACKWARD: Memory = Memory {
    update_in_backward: true,
    activation_checkpointing: false,
};

const ALL_AT_ONCE: Memory = Memory {
    update_in_backward: false,
    activation_checkpointing: false,
};

/// `AdamW` as the peers run it, the same with updates in backward, and the default of large models.
const WAYS: [Way; 3] = [
    Way {
        name: "unlocking step, AdamW",
        optimizer: ADAMW,
        precision: PURE_BFLOAT16,
        memory: ALL_AT_ONCE,
    },
    Way {
        name: "unlocking step, AdamW in backward",
        optimizer: ADAMW,
        precision: PURE_BFLOAT16,
        memory: IN_BACKWARD,
    },
    Way {
        name: "unlocking step, Lion with a master copy in backward",
        optimizer: LION,
        precision: WITH_MASTER,
        memory: IN_BACKWARD,
    },
];

/// Measures every way.
pub fn measure(
    shape: Shape,
    device: Device,
    ceilings: &Ceilings,
    tell: Tell,
) -> Result<ControlFlow<()>> {
    let architecture = shape.architecture();
    for way in WAYS {
        let figure = match step(&way, shape, &architecture, device, ceilings) {
            Ok(figure) => figure,
            Err(error) if error.is_out_of_memory() => Figure {
                value: None,
                note: error.to_string(),
                precision: words(&way),
                ..Figure::new(shape.name(), way.name, 0.0, "ms")
            },
            Err(error) => return Err(error),
        };
        runtime::empty_cache(device)?;
        if tell(&figure).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn step(
    way: &Way,
    shape: Shape,
    architecture: &Architecture,
    device: Device,
    ceilings: &Ceilings,
) -> Result<Figure> {
    let recipe = Recipe {
        precision: way.precision,
        memory: way.memory,
        ..Recipe::new(way.optimizer, 1.5e-6, 200, ROWS as u32)
    };
    // As in a run, where a large model at rest is in host memory.
    let start = Model::noise(architecture, 1, kind_of(way.precision.weights), device)?.to_host()?;
    runtime::reset_peak(device)?;
    let mut trainer = Trainer::new(&start, &recipe, device)?;
    drop(start);
    let mut next = 0;
    let _loss = trainer.step(next, batch(architecture.vocab_size())?)?;
    let repetitions = if device == Device::Cpu { 2 } else { 20 };
    let time = seconds(device, repetitions, || {
        next += 1;
        let _loss = trainer.again(next)?;
        Ok(())
    })?;
    let peak = peak_gib(device)?;
    let (floor, note) = floor(way, architecture, ceilings);
    let figure = Figure::new(shape.name(), way.name, time * 1e3, "ms").over(floor * 1e3, note);
    Ok(Figure {
        precision: words(way),
        peak_gib: peak,
        ..figure
    })
}

/// Random tokens, all but the last of each row followed by one that is to be predicted.
fn batch(vocab_size: i64) -> Result<Batch> {
    let ids: Vec<Vec<u32>> = (0..ROWS)
        .map(|row| {
            let token = |place: i64| ((row * 7919 + place * 104_729) % vocab_size) as u32;
            (0..LENGTH).map(token).collect()
        })
        .collect();
    let flat: Vec<i64> = ids.iter().flatten().map(|&id| i64::from(id)).collect();
    let size = [1, ROWS, LENGTH];
    let tensor = |numbers: Vec<i64>| Tensor::from_slice(&numbers).view(size);
    let positions = (0..ROWS).flat_map(|_| 0..LENGTH).collect();
    let labels = flat.iter().cycle().skip(1).take(flat.len()).copied();
    let weights = Tensor::ones(size, (picklock_lm::Kind::Float, Device::Cpu));
    Ok(Batch {
        targets: Targets::new(tensor(positions), tensor(labels.collect()), weights, None)?,
        rows: Rows::from_ids(&[ids], Side::Right, Device::Cpu)?,
    })
}

/// Products at the machine's ceiling, and the optimiser's bytes at a copy's, in seconds.
fn floor(way: &Way, architecture: &Architecture, ceilings: &Ceilings) -> (f64, String) {
    let weights = architecture.parameters();
    let count =
        |parameter: &picklock_family::Parameter| parameter.shape.iter().product::<i64>() as f64;
    let all: f64 = weights.iter().map(count).sum();
    let multiplied = architecture.multiplied_weights() as f64;
    let tokens = (ROWS * LENGTH) as f64;
    let products = 6.0 * multiplied * tokens / ceilings.flop_per_s;
    let average = 2.0 * bytes(way.precision.states);
    let averages = match way.optimizer {
        Optimizer::AdamW { .. } => 2.0 * average,
        Optimizer::Lion { .. } => average,
    };
    let weight = bytes(way.precision.weights);
    // Gradient read; weight written, and read or its master read and written.
    let updated = if way.precision.master { 8.0 } else { weight };
    let update = all * (2.0 * weight + updated + averages) / ceilings.bytes_per_s;
    let note = format!(
        "floor: products {:.2} ms, optimiser's bytes {:.2} ms",
        products * 1e3,
        update * 1e3
    );
    (products + update, note)
}

fn bytes(float: Float) -> f64 {
    kind_of(float).elt_size_in_bytes() as f64
}

fn words(way: &Way) -> String {
    let name = |float: Float| match float {
        Float::Float32 => "float32",
        Float::Bfloat16 => "bfloat16",
    };
    let Precision {
        weights,
        master,
        states,
    } = way.precision;
    let master = if master { ", float32 master copy" } else { "" };
    format!(
        "{} weights{master}, {} averages",
        name(weights),
        name(states)
    )
}
