//! The machine that is measured: its ceilings, and who is handed each figure.

use std::time::Instant;

use picklock_lm::{Device, Kind, Tensor, runtime};
use picklock_message::Result;
use picklock_message::quantity::GIB;

use crate::bench::figure::Figure;

/// Receives each figure as it comes; an error ends the measuring.
pub type Report<'a> = &'a mut dyn FnMut(&Figure) -> Result<()>;

/// What the machine can do at most, measured in the same run as what is compared with it.
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// Bytes read and written in a second by a copy.
    pub bytes_per_s: f64,
    /// Operations of bfloat16 products in a second (float32 on a CPU).
    pub flop_per_s: f64,
}

/// A device, its ceilings, and the receiver of figures.
pub struct Machine<'a> {
    pub device: Device,
    pub ceilings: Ceilings,
    pub report: Report<'a>,
}

impl<'a> Machine<'a> {
    /// Measures the ceilings of a device, and reports them.
    pub fn measured(device: Device, report: Report<'a>) -> Result<Self> {
        let kind = usual_kind(device);
        let (bytes, side) = match device {
            Device::Cpu => (1_i64 << 28, 1024_i64),
            _ => (1 << 30, 8192),
        };
        let from = zeros(bytes / 4, device)?;
        let mut to = zeros(bytes / 4, device)?;
        let copy = seconds(device, 10, || {
            Ok(to
                .f_copy_(&from)
                .map(drop)
                .map_err(picklock_lm::Error::from)?)
        })?;
        let random = || Tensor::f_randn([side, side], (kind, device));
        let (a, b) = random()
            .and_then(|a| Ok((a, random()?)))
            .map_err(picklock_lm::Error::from)?;
        let product = seconds(device, 10, || {
            Ok(a.f_mm(&b).map(drop).map_err(picklock_lm::Error::from)?)
        })?;
        let ceilings = Ceilings {
            bytes_per_s: 2.0 * bytes as f64 / copy,
            flop_per_s: 2.0 * (side as f64).powi(3) / product,
        };
        let mut machine = Self {
            device,
            ceilings,
            report,
        };
        let (rate, flops) = (ceilings.bytes_per_s / 1e9, ceilings.flop_per_s / 1e12);
        machine.tell(
            Figure::new("machine", "copy", rate, "GB/s")
                .note(format!("{} MiB read and written", bytes >> 20)),
        )?;
        machine.tell(
            Figure::new("machine", "matrix product", flops, "TFLOP/s")
                .note(format!("{side} x {side} x {side}, random numbers"))
                .in_kind(kind),
        )?;
        Ok(machine)
    }

    /// Hands over a figure of this device.
    pub fn tell(&mut self, figure: Figure) -> Result<()> {
        let device = runtime::device_name(self.device);
        (self.report)(&Figure { device, ..figure })
    }

    /// What weights of checkpoints are usually computed in here.
    pub fn kind(&self) -> Kind {
        usual_kind(self.device)
    }

    /// The most memory in use on a GPU since its peak was reset, in GiB.
    pub fn peak_gib(&self) -> Result<Option<f64>> {
        let memory = runtime::memory(self.device)?;
        Ok(memory.map(|memory| memory.peak_allocated as f64 / GIB))
    }
}

fn usual_kind(device: Device) -> Kind {
    match device {
        Device::Cpu => Kind::Float,
        _ => Kind::BFloat16,
    }
}

/// Times a piece of work: the least of several rounds, in seconds for each repetition.
pub fn seconds(
    device: Device,
    repetitions: u32,
    mut work: impl FnMut() -> Result<()>,
) -> Result<f64> {
    work()?;
    let mut least = f64::INFINITY;
    for _ in 0..3 {
        runtime::synchronize(device)?;
        let started = Instant::now();
        for _ in 0..repetitions {
            work()?;
        }
        runtime::synchronize(device)?;
        least = least.min(started.elapsed().as_secs_f64() / f64::from(repetitions));
    }
    Ok(least)
}

/// Rows of arbitrary tokens, always the same.
pub fn token_rows(rows: i64, length: i64, vocab_size: i64) -> Vec<Vec<u32>> {
    let token = |row, place| ((row * 7919 + place * 104_729) % vocab_size) as u32;
    (0..rows)
        .map(|row| (0..length).map(|place| token(row, place)).collect())
        .collect()
}

fn zeros(count: i64, device: Device) -> Result<Tensor> {
    Ok(Tensor::f_zeros([count], (Kind::Float, device)).map_err(picklock_lm::Error::from)?)
}
