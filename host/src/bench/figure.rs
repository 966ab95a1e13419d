//! One measured number, as one JSON line.

use picklock_lm::Kind;
use serde::Serialize;

/// A figure, with what it was measured on.
#[derive(Clone, Debug, Default, Serialize)]
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
            ..Self::default()
        }
    }

    /// The same with a floor, and what it counts.
    pub fn over(self, floor: f64, note: String) -> Self {
        Self {
            floor: Some(floor),
            ratio: self.value.map(|value| value / floor),
            note,
            ..self
        }
    }

    /// The same with this note.
    pub fn note(self, note: String) -> Self {
        Self { note, ..self }
    }

    /// The same in this precision.
    pub fn precision(self, precision: String) -> Self {
        Self { precision, ..self }
    }

    /// The same, all of it in numbers of this kind.
    pub fn in_kind(self, kind: Kind) -> Self {
        self.precision(format!("{kind:?}").to_lowercase())
    }

    /// The same with the most memory in use.
    pub fn peak(self, peak_gib: Option<f64>) -> Self {
        Self { peak_gib, ..self }
    }
}
