//! Loading a checkpoint from a folder: from the page cache, as the least of three rounds counts.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use picklock_lm::{Device, Kind, Model, runtime};
use picklock_message::Result;

use crate::speed::ceiling::{Ceilings, seconds};
use crate::speed::figure::{Figure, peak_gib};
use crate::speed::{Tell, resident};

const ROUNDS: u32 = 3;

/// Measures.
pub fn measure(
    folder: &Path,
    device: Device,
    ceilings: &Ceilings,
    tell: Tell,
) -> Result<ControlFlow<()>> {
    let kind = match device {
        Device::Cpu => Kind::Float,
        _ => Kind::BFloat16,
    };
    let stored = Model::stored_bytes(folder)? as f64;
    runtime::reset_peak(device)?;
    let before = resident::begin_peak();
    let mut least = f64::INFINITY;
    let mut loaded = None;
    for _ in 0..ROUNDS {
        drop(loaded.take());
        let started = Instant::now();
        loaded = Some(Model::load_as(folder, kind, device)?);
        runtime::synchronize(device)?;
        least = least.min(started.elapsed().as_secs_f64());
    }
    let host = resident::peak()
        .zip(before)
        .map(|(peak, before)| gib(peak.saturating_sub(before)));
    let peak = peak_gib(device)?.or(host);
    let Some(model) = loaded else {
        return Ok(ControlFlow::Continue(()));
    };
    let (floor, what) = floor(&model, stored, device, ceilings)?;
    let subject = folder.display().to_string();
    let host = host.map_or_else(String::new, |host| {
        format!("; host memory {host:.2} GiB at most")
    });
    let note = format!("{:.2} GiB of files; floor: {what}{host}", stored / GIB);
    let precision = format!("{kind:?}").to_lowercase();
    let time = Figure {
        peak_gib: peak,
        precision: precision.clone(),
        ..Figure::new(&subject, "loading", least, "s").over(floor, note)
    };
    let rate = Figure {
        precision,
        note: "of the files' bytes".to_owned(),
        ..Figure::new(&subject, "loading", stored / least / 1e9, "GB/s")
    };
    match tell(&time).is_break() {
        true => Ok(ControlFlow::Break(())),
        false => Ok(tell(&rate)),
    }
}

/// The same bytes on their last way alone, in seconds, and what that way is.
fn floor(
    model: &Model,
    stored: f64,
    device: Device,
    ceilings: &Ceilings,
) -> Result<(f64, &'static str)> {
    if device == Device::Cpu {
        let bytes = stored + model.bytes() as f64;
        return Ok((
            bytes / ceilings.bytes_per_s,
            "files read and weights written once",
        ));
    }
    let pinned = model.to_host()?;
    let copy = seconds(device, 1, || Ok(pinned.to_device(device).map(drop)?))?;
    Ok((copy, "the weights from pinned memory to the GPU"))
}

const GIB: f64 = (1_u64 << 30) as f64;

fn gib(bytes: u64) -> f64 {
    bytes as f64 / GIB
}

#[cfg(test)]
mod tests {
    use picklock_family::{Architecture, LlamaConfig, Rope, Sizes};

    use super::*;

    #[test]
    fn a_folder_is_timed_and_its_bytes_are_counted() {
        let sizes = Sizes {
            vocab_size: 16,
            max_position_embeddings: 8,
            hidden_size: 8,
            intermediate_size: 8,
            num_hidden_layers: 1,
            num_attention_heads: 2,
            num_key_value_heads: 1,
            head_dim: 4,
            norm_eps: 1e-5,
            rope: Rope::DEFAULT,
            tie_word_embeddings: true,
        };
        let architecture = Architecture::Llama(LlamaConfig {
            sizes,
            attention_bias: false,
            mlp_bias: false,
        });
        let model = Model::noise(&architecture, 1, Kind::Float, Device::Cpu).unwrap();
        let folder = tempfile::tempdir().unwrap();
        model.save(folder.path()).unwrap();
        let ceilings = Ceilings {
            bytes_per_s: 1e9,
            flop_per_s: 1e9,
        };
        let mut figures = Vec::new();
        let mut tell = |figure: &Figure| {
            figures.push(figure.clone());
            ControlFlow::Continue(())
        };
        let done = measure(folder.path(), Device::Cpu, &ceilings, &mut tell).unwrap();
        assert!(done.is_continue());
        let [time, rate] = &figures[..] else {
            panic!("{figures:?}");
        };
        let bytes = 4.0 * model.parameter_count() as f64;
        assert!((time.floor.unwrap() - 2.0 * bytes / 1e9).abs() < 1e-12);
        let moved = rate.value.unwrap() * time.value.unwrap();
        assert!((moved - bytes / 1e9).abs() < 1e-12, "{moved} of {bytes}");
    }
}
