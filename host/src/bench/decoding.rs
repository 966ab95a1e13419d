//! Greedy decoding: prompts of 128 tokens, 256 new ones.

use std::time::Instant;

use picklock_family::Shape;
use picklock_lm::{Decoding, Device, Model, Rows, Side, generate, runtime};
use picklock_message::Result;

use crate::bench::figure::Figure;
use crate::bench::machine::{Ceilings, Machine, token_rows};

const PROMPT: i64 = 128;
const NEW: i64 = 256;

/// The batch that peers are compared at, then wider ones while they gain.
const BATCHES: [i64; 6] = [100, 200, 400, 800, 1600, 3200];

/// Measures.
pub fn measure(shape: Shape, machine: &mut Machine) -> Result<()> {
    let device = machine.device;
    let model = Model::noise(&shape.architecture(), 1, machine.kind(), device)?;
    let mut best: Option<(i64, f64)> = None;
    let batches = if device == Device::Cpu {
        1
    } else {
        BATCHES.len()
    };
    for &batch in &BATCHES[..batches] {
        runtime::reset_peak(device)?;
        let (time, per_step) = match decode(&model, batch, device) {
            Ok(times) => times,
            Err(error) if error.is_out_of_memory() => break,
            Err(error) => return Err(error),
        };
        let tokens_per_s = (batch * NEW) as f64 / time;
        if batch == BATCHES[0] {
            let (floor, note) = floor(&model, batch, &machine.ceilings);
            let name = format!("decoding step, {batch} rows");
            let step = Figure::new(shape.name(), &name, per_step * 1e3, "ms")
                .over(floor * 1e3, note)
                .peak(machine.peak_gib()?)
                .in_kind(model.kind());
            machine.tell(step)?;
            machine.tell(throughput(shape, batch, tokens_per_s, &model))?;
        }
        if best.is_some_and(|(_, best)| tokens_per_s < best * 1.05) {
            break;
        }
        best = Some((batch, tokens_per_s));
    }
    match best {
        Some((batch, tokens_per_s)) if batch != BATCHES[0] => {
            machine.tell(throughput(shape, batch, tokens_per_s, &model))
        }
        _ => Ok(()),
    }
}

fn throughput(shape: Shape, batch: i64, tokens_per_s: f64, model: &Model) -> Figure {
    let name = format!("decoding, {batch} rows");
    Figure::new(shape.name(), &name, tokens_per_s, "tokens/s")
        .note("prompts included".to_owned())
        .in_kind(model.kind())
}

/// Seconds in all, and for each step after the prompts.
fn decode(model: &Model, batch: i64, device: Device) -> Result<(f64, f64)> {
    let prompts = token_rows(batch, PROMPT, model.architecture().vocab_size());
    let rows = Rows::from_ids(&[prompts], Side::Left, Device::Cpu)?.to_device(device)?;
    let run = |tokens: i64| -> Result<f64> {
        let decoding = Decoding::greedy(tokens as usize);
        runtime::synchronize(device)?;
        let started = Instant::now();
        generate(model, &rows, &decoding, None)?;
        Ok(started.elapsed().as_secs_f64())
    };
    run(4)?;
    let prompts = run(1)?;
    let all = run(NEW)?;
    Ok((all, (all - prompts) / (NEW - 1) as f64))
}

/// All weights read once, and the cached keys and values of the middle step, in seconds.
fn floor(model: &Model, batch: i64, ceilings: &Ceilings) -> (f64, String) {
    let weights = model.bytes() as f64 / ceilings.bytes_per_s;
    let cached = model.architecture().cached_numbers() as f64;
    let size = model.kind().elt_size_in_bytes() as f64;
    let cache = (PROMPT + NEW / 2) as f64 * batch as f64 * cached * size / ceilings.bytes_per_s;
    let note = format!(
        "floor: weights {:.2} ms, keys and values {:.2} ms",
        weights * 1e3,
        cache * 1e3
    );
    (weights + cache, note)
}
