//! Loading a checkpoint from a folder: from the page cache, as the least of three rounds counts.

use std::path::Path;
use std::time::Instant;

use picklock_lm::{Device, Model, runtime};
use picklock_message::Result;
use picklock_message::quantity::GIB;

use crate::bench::figure::Figure;
use crate::bench::machine::{Machine, seconds};
use crate::bench::resident;

const ROUNDS: u32 = 3;

/// Measures.
pub fn measure(folder: &Path, machine: &mut Machine) -> Result<()> {
    let (device, kind) = (machine.device, machine.kind());
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
        .map(|(peak, before)| peak.saturating_sub(before) as f64 / GIB);
    let peak = machine.peak_gib()?.or(host);
    let Some(model) = loaded else {
        return Ok(());
    };
    let (floor, what) = floor(&model, stored, machine)?;
    let subject = folder.display().to_string();
    let host = host.map_or_else(String::new, |host| {
        format!("; host memory {host:.2} GiB at most")
    });
    let note = format!("{:.2} GiB of files; floor: {what}{host}", stored / GIB);
    let figure = |value, unit| Figure::new(&subject, "loading", value, unit).in_kind(kind);
    machine.tell(figure(least, "s").over(floor, note).peak(peak))?;
    machine.tell(figure(stored / least / 1e9, "GB/s").note("of the files' bytes".to_owned()))
}

/// The same bytes on their last way alone, in seconds, and what that way is.
fn floor(model: &Model, stored: f64, machine: &Machine) -> Result<(f64, &'static str)> {
    let device = machine.device;
    if device == Device::Cpu {
        let seconds = (stored + model.bytes() as f64) / machine.ceilings.bytes_per_s;
        return Ok((seconds, "files read and weights written once"));
    }
    let pinned = model.to_host()?;
    let copy = seconds(device, 1, || Ok(pinned.to_device(device).map(drop)?))?;
    Ok((copy, "the weights from pinned memory to the GPU"))
}

#[cfg(test)]
mod tests {
    use picklock_family::{Architecture, LlamaConfig, Rope, Sizes};
    use picklock_lm::Kind;

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
        let ceilings = crate::bench::machine::Ceilings {
            bytes_per_s: 1e9,
            flop_per_s: 1e9,
        };
        let mut figures = Vec::new();
        let mut machine = Machine {
            device: Device::Cpu,
            ceilings,
            report: &mut |figure| {
                figures.push(figure.clone());
                Ok(())
            },
        };
        measure(folder.path(), &mut machine).unwrap();
        let [time, rate] = &figures[..] else {
            panic!("{figures:?}");
        };
        let bytes = 4.0 * model.parameter_count() as f64;
        assert!((time.floor.unwrap() - 2.0 * bytes / 1e9).abs() < 1e-12);
        let moved = rate.value.unwrap() * time.value.unwrap();
        assert!((moved - bytes / 1e9).abs() < 1e-12, "{moved} of {bytes}");
    }
}
