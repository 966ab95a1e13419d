//! The machine's ceilings: how fast it copies, how fast it multiplies.

use std::time::Instant;

use picklock_lm::{Device, Kind, Tensor, runtime};
use picklock_message::Result;

use crate::speed::figure::Figure;

/// What the machine can do at most, measured in the same run as what is compared with it.
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// Bytes read and written in a second by a copy.
    pub bytes_per_s: f64,
    /// Operations of bfloat16 products in a second (float32 on a CPU).
    pub flop_per_s: f64,
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

/// Measures both.
pub fn measure(device: Device) -> Result<(Ceilings, [Figure; 2])> {
    let cuda = device != Device::Cpu;
    let (bytes, side, kind) = match cuda {
        true => (1_i64 << 30, 8192_i64, Kind::BFloat16),
        false => (1 << 28, 1024, Kind::Float),
    };
    let torch = |problem: picklock_lm::Error| picklock_message::Error::from(problem);
    let from = empty(bytes / 4, Kind::Float, device)?;
    let mut to = empty(bytes / 4, Kind::Float, device)?;
    let copy = seconds(device, 10, || {
        to.f_copy_(&from).map_err(|error| torch(error.into()))
    })?;
    let random =
        || Tensor::f_randn([side, side], (kind, device)).map_err(|error| torch(error.into()));
    let (a, b) = (random()?, random()?);
    let product = seconds(device, 10, || match a.f_mm(&b) {
        Ok(_) => Ok(()),
        Err(error) => Err(torch(error.into())),
    })?;
    let ceilings = Ceilings {
        bytes_per_s: 2.0 * bytes as f64 / copy,
        flop_per_s: 2.0 * (side as f64).powi(3) / product,
    };
    let precision = format!("{kind:?}").to_lowercase();
    let figures = [
        Figure {
            note: format!("{} MiB read and written", bytes >> 20),
            ..Figure::new("machine", "copy", ceilings.bytes_per_s / 1e9, "GB/s")
        },
        Figure {
            note: format!("{side} x {side} x {side}, random numbers"),
            precision,
            ..Figure::new(
                "machine",
                "matrix product",
                ceilings.flop_per_s / 1e12,
                "TFLOP/s",
            )
        },
    ];
    Ok((ceilings, figures))
}

fn empty(count: i64, kind: Kind, device: Device) -> Result<Tensor> {
    let tensor = Tensor::f_zeros([count], (kind, device));
    Ok(tensor.map_err(picklock_lm::Error::from)?)
}
