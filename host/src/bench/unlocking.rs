//! A step of unlocking: 2 rows of 512 tokens, each of which is to be predicted.

use picklock_family::{Architecture, Parameter, Shape};
use picklock_lm::{
    Batch, Device, Kind, Model, Rows, Side, Targets, Tensor, Trainer, kind_of, runtime,
};
use picklock_message::Result;
use picklock_sdk::{Float, Memory, Optimizer, Precision, Recipe};

use crate::bench::figure::Figure;
use crate::bench::machine::{Ceilings, Machine, seconds, token_rows};

const ROWS: i64 = 2;
const LENGTH: i64 = 512;

/// A way to train that is measured; weights and averages are bfloat16.
struct Way {
    name: &'static str,
    optimizer: Optimizer,
    /// Whether updates go to a float32 copy.
    master: bool,
    update_in_backward: bool,
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

/// `AdamW` as the peers run it, the same with updates in backward, and the default of large models.
const WAYS: [Way; 3] = [
    Way {
        name: "unlocking step, AdamW",
        optimizer: ADAMW,
        master: false,
        update_in_backward: false,
    },
    Way {
        name: "unlocking step, AdamW in backward",
        optimizer: ADAMW,
        master: false,
        update_in_backward: true,
    },
    Way {
        name: "unlocking step, Lion with a master copy in backward",
        optimizer: LION,
        master: true,
        update_in_backward: true,
    },
];

/// Measures every way.
pub fn measure(shape: Shape, machine: &mut Machine) -> Result<()> {
    let architecture = shape.architecture();
    for way in WAYS {
        let figure = |milliseconds| Figure::new(shape.name(), way.name, milliseconds, "ms");
        let figure = match step(&way, &architecture, machine) {
            Ok((time, peak_gib)) => {
                let (floor, note) = floor(&way, &architecture, &machine.ceilings);
                figure(time * 1e3).over(floor * 1e3, note).peak(peak_gib)
            }
            Err(error) if error.is_out_of_memory() => Figure {
                value: None,
                ..figure(0.0).note(error.to_string())
            },
            Err(error) => return Err(error),
        };
        runtime::empty_cache(machine.device)?;
        let master = if way.master {
            ", float32 master copy"
        } else {
            ""
        };
        machine.tell(figure.precision(format!("bfloat16 weights{master}, bfloat16 averages")))?;
    }
    Ok(())
}

/// Seconds of a step, and the most memory in use on a GPU, in GiB.
fn step(way: &Way, architecture: &Architecture, machine: &Machine) -> Result<(f64, Option<f64>)> {
    let device = machine.device;
    let recipe = Recipe {
        precision: Precision {
            weights: Float::Bfloat16,
            master: way.master,
            states: Float::Bfloat16,
        },
        memory: Memory {
            update_in_backward: way.update_in_backward,
            activation_checkpointing: false,
        },
        ..Recipe::new(way.optimizer, 1.5e-6, 200, ROWS as u32)
    };
    // As in a run, where a large model at rest is in host memory.
    let start = Model::noise(architecture, 1, kind_of(Float::Bfloat16), device)?.to_host()?;
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
    Ok((time, machine.peak_gib()?))
}

/// Arbitrary tokens, all but the last of each row followed by one that is to be predicted.
fn batch(vocab_size: i64) -> Result<Batch> {
    let ids = token_rows(ROWS, LENGTH, vocab_size);
    let flat: Vec<i64> = ids.iter().flatten().map(|&id| i64::from(id)).collect();
    let size = [1, ROWS, LENGTH];
    let tensor = |numbers: Vec<i64>| Tensor::from_slice(&numbers).view(size);
    let positions = (0..ROWS).flat_map(|_| 0..LENGTH).collect();
    let labels = flat.iter().cycle().skip(1).take(flat.len()).copied();
    let weights = Tensor::ones(size, (Kind::Float, Device::Cpu));
    Ok(Batch {
        targets: Targets::new(tensor(positions), tensor(labels.collect()), weights, None)?,
        rows: Rows::from_ids(&[ids], Side::Right, Device::Cpu)?,
    })
}

/// Products at the machine's ceiling, and the optimiser's bytes at a copy's, in seconds.
fn floor(way: &Way, architecture: &Architecture, ceilings: &Ceilings) -> (f64, String) {
    let parameters = architecture.parameters();
    let count = |parameter: &Parameter| parameter.shape.iter().product::<i64>() as f64;
    let all: f64 = parameters.iter().map(count).sum();
    let multiplied = architecture.multiplied_weights() as f64;
    let tokens = (ROWS * LENGTH) as f64;
    let products = 6.0 * multiplied * tokens / ceilings.flop_per_s;
    let number = kind_of(Float::Bfloat16).elt_size_in_bytes() as f64;
    // Each average is read and written.
    let averages = match way.optimizer {
        Optimizer::AdamW { .. } => 4.0 * number,
        Optimizer::Lion { .. } => 2.0 * number,
    };
    // Gradient read; weight written, and read or its master read and written.
    let updated = if way.master { 8.0 } else { number };
    let update = all * (2.0 * number + updated + averages) / ceilings.bytes_per_s;
    let note = format!(
        "floor: products {:.2} ms, optimiser's bytes {:.2} ms",
        products * 1e3,
        update * 1e3
    );
    (products + update, note)
}
