//! One measured number, as one JSON line.

use picklock_lm::{Device, runtime};
use picklock_message::Result;
use serde::Serialize;

/// A figure, with what it was measured on.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What: a shape's or organism's name, or `machine`.
    pub subject: String,
    /// Which number.
    pub figure: String,
    /// The number; `None` where it could not be had.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: &'static str,
    /// What weights, master copy, averages and arithmetic are in.
    pub precision: String,
    /// The most memory in use on the device, in GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_gib: Option<f64>,
    /// The least that the machine's ceilings allow, in the same unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// `value / floor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// What the floor counts, or why there is no number.
    pub note: String,
    /// The device.
    pub device: String,
}

impl Figure {
    /// A figure without a floor.
    pub fn new(subject: &str, figure: &str, value: f64, unit: &'static str) -> Self {
        Self {
            subject: subject.to_owned(),
            figure: figure.to_owned(),
            value: Some(value),
            unit,
            precision: String::new(),
            peak_gib: None,
            floor: None,
            ratio: None,
            note: String::new(),
            device: String::new(),
        }
    }

    /// The same with a floor, and what it counts.
    #[must_use]
    pub fn over(mut self, floor: f64, note: String) -> Self {
        self.floor = Some(floor);
        self.ratio = self.value.map(|value| value / floor);
        self.note = note;
        self
    }
}

/// The most memory in use on a GPU since its peak was reset, in GiB.
pub fn peak_gib(device: Device) -> Result<Option<f64>> {
    let memory = runtime::memory(device)?;
    Ok(memory.map(|memory| memory.peak_allocated as f64 / (1_u64 << 30) as f64))
}
