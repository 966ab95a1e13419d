//! Pictures: what is drawn, apart from how it is drawn.

mod arms;
mod canvas;
mod curve;
mod forest;
mod scale;

use crate::table::Table;

pub use arms::{ArmRow, Arms};
pub use canvas::dark_rules;
pub use curve::{Curve, Series, X};
pub use forest::{Band, Forest, ForestRow};

/// The folder of a run's pictures.
pub const FOLDER: &str = "figures";

/// A picture with what a reader needs who can't see it.
pub struct Figure {
    /// Its name within the page, and its file's.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// What is to be seen in it, in words.
    pub alt: String,
    /// How to read it.
    pub note: String,
    /// What is drawn.
    pub chart: Chart,
    /// The numbers behind it.
    pub data: Table,
}

/// What is drawn.
pub enum Chart {
    /// Effects with their intervals, one below the other.
    Forest(Forest),
    /// Accuracies of arms, one below the other.
    Arms(Arms),
    /// Accuracy against a number.
    Curve(Curve),
}

impl Figure {
    /// The picture as an SVG element without declaration, namespace or styles.
    pub fn svg(&self) -> String {
        let drawing = match &self.chart {
            Chart::Forest(forest) => forest.draw(),
            Chart::Arms(arms) => arms.draw(),
            Chart::Curve(curve) => curve.draw(),
        };
        drawing.element(&self.alt)
    }

    /// The picture as a file of its own.
    pub fn file(&self) -> String {
        canvas::standalone(&self.svg())
    }
}
