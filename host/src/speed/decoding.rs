//! Greedy decoding: prompts of 128 tokens, 256 new ones.

use std::ops::ControlFlow;
use std::time::Instant;

use picklock_family::Shape;
use picklock_lm::{Decoding, Device, Kind, Model, Rows, Side, generate, runtime};
use picklock_message::Result;

use crate::speed::Tell;
use crate::speed::ceiling::Ceilings;
use crate::speed::figure::{Figure, peak_gib};

const PROMPT: i64 = 128;
const NEW: i64 = 256;

/// The batch that peers are compared at, then wider ones while they gain.
const BATCHES: [i64; 6] = [100, 200, 400, 800, 1600, 3200];

/// Measures.
pub fn measure(
    shape: Shape,
    device: Device,
    ceilings: &Ceilings,
    tell: Tell,
) -> Result<ControlFlow<()>> {
    let kind = if device == Device::Cpu {
        Kind::Float
    } else {
        Kind::BFloat16
    };
    let model = Model::noise(&shape.architecture(), 1, kind, device)?;
    let mut best: Option<(i64, f64)> = None;
    let batches = if device == Device::Cpu {
        &BATCHES[..1]
    } else {
        &BATCHES[..]
    };
    for &batch in batches {
        runtime::reset_peak(device)?;
        let (time, per_step) = match decode(&model, batch, device) {
            Ok(times) => times,
            Err(error) if error.is_out_of_memory() => break,
            Err(error) => return Err(error),
        };
        let peak = peak_gib(device)?;
        let tokens_per_s = (batch * NEW) as f64 / time;
        if batch == BATCHES[0] {
            let (floor, note) = floor(&model, batch, ceilings);
            let name = format!("decoding step, {batch} rows");
            let figure = Figure::new(shape.name(), &name, per_step * 1e3, "ms");
            let figure = Figure {
                precision: format!("{kind:?}").to_lowercase(),
                peak_gib: peak,
                ..figure.over(floor * 1e3, note)
            };
            if tell(&figure).is_break()
                || tell(&throughput(shape, batch, tokens_per_s, kind)).is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        if best.is_some_and(|(_, best)| tokens_per_s < best * 1.05) {
            break;
        }
        best = Some((batch, tokens_per_s));
    }
    match best {
        Some((batch, tokens_per_s)) if batch != BATCHES[0] => {
            Ok(tell(&throughput(shape, batch, tokens_per_s, kind)))
        }
        _ => Ok(ControlFlow::Continue(())),
    }
}

fn throughput(shape: Shape, batch: i64, tokens_per_s: f64, kind: Kind) -> Figure {
    Figure {
        precision: format!("{kind:?}").to_lowercase(),
        note: "prompts included".to_owned(),
        ..Figure::new(
            shape.name(),
            &format!("decoding, {batch} rows"),
            tokens_per_s,
            "tokens/s",
        )
    }
}

/// Seconds in all, and for each step after the prompts.
fn decode(model: &Model, batch: i64, device: Device) -> Result<(f64, f64)> {
    let vocab_size = model.architecture().vocab_size();
    let row = |row: i64| {
        let token = |place: i64| ((row * 7919 + place * 104_729) % vocab_size) as u32;
        (0..PROMPT).map(token).collect()
    };
    let rows = Rows::from_ids(&[(0..batch).map(row).collect()], Side::Left, Device::Cpu)?;
    let rows = rows.to_device(device)?;
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
