//! Pictures: what is drawn, apart from how it is drawn. Each is drawn twice, for a page and for a
//! phone, so that its letters are as large as the text around it.

mod arms;
mod canvas;
mod curve;
mod forest;
mod scale;

use std::collections::BTreeMap;

use picklock_stats::Interval;

use crate::numbers::{self, Estimate};
use crate::view::Table;

pub use canvas::{Width, dark_rules};

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

/// Effects with their intervals.
pub struct Forest {
    /// From top to bottom.
    pub rows: Vec<ForestRow>,
}

/// One effect.
pub struct ForestRow {
    /// What it belongs to; rows of one group follow each other.
    pub group: String,
    /// Its name.
    pub name: String,
    /// Whether it decides a claim.
    pub confirmatory: bool,
    /// Its mean and interval, in points.
    pub estimate: Estimate,
    /// Each seed's, in points.
    pub seeds: Vec<f64>,
    /// Where it was predicted.
    pub band: Option<Band>,
}

/// A range of effects in points; its ends may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Band {
    /// `-7.1 to +7.1`, `above +7.1`.
    pub fn text(&self) -> String {
        match (self.low.is_finite(), self.high.is_finite()) {
            (true, true) => format!(
                "{} to {}",
                numbers::points(self.low),
                numbers::points(self.high)
            ),
            (true, false) => format!("above {}", numbers::points(self.low)),
            (false, true) => format!("below {}", numbers::points(self.high)),
            (false, false) => String::new(),
        }
    }
}

/// Accuracies of arms.
pub struct Arms {
    /// From top to bottom.
    pub rows: Vec<ArmRow>,
}

/// One arm; accuracies in percent.
pub struct ArmRow {
    /// Its name.
    pub name: String,
    /// Whether it is another hypothesis'.
    pub foreign: bool,
    /// Mean over seeds.
    pub accuracy: f64,
    /// The mean's interval.
    pub interval: Option<Interval>,
    /// Mean accuracy of what it is compared with.
    pub from: Option<f64>,
    /// Each seed's.
    pub seeds: Vec<f64>,
}

/// Accuracy against a number.
pub struct Curve {
    /// What the number is.
    pub x_label: String,
    /// A number to mark, and its name.
    pub mark: Option<(f64, String)>,
    /// The lines.
    pub series: Vec<Series>,
    /// Lines across, to compare with.
    pub levels: Vec<Series>,
}

/// A line of accuracies, in percent.
pub struct Series {
    /// Its name.
    pub name: String,
    /// Each seed's points.
    pub seeds: Vec<BTreeMap<X, f64>>,
}

/// A finite number, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct X(f64);

impl X {
    /// The number, where it is finite.
    pub fn of(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(number + 0.0))
    }

    /// The number.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl Eq for X {}

impl PartialOrd for X {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for X {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// The mean over seeds at every number that all of them have.
pub fn mean_line(seeds: &[BTreeMap<X, f64>]) -> Vec<(X, f64)> {
    let Some(first) = seeds.first() else {
        return Vec::new();
    };
    let at = |x: &X| -> Option<(X, f64)> {
        let values: Option<Vec<f64>> = seeds.iter().map(|seed| seed.get(x).copied()).collect();
        Some((*x, crate::evidence::mean(&values?)))
    };
    first.keys().filter_map(at).collect()
}

/// The mean over seeds with its 95% interval at every number that all of them have.
pub fn estimates(seeds: &[BTreeMap<X, f64>]) -> Vec<(X, f64, Option<Interval>)> {
    let at = |(x, mean): (X, f64)| {
        let values: Vec<f64> = seeds.iter().map(|seed| seed[&x]).collect();
        (x, mean, Estimate::of(&values, 0.95).interval)
    };
    mean_line(seeds).into_iter().map(at).collect()
}

impl Figure {
    /// The picture as an SVG element without declaration, namespace or styles.
    pub fn svg(&self, width: Width) -> String {
        let inner = match &self.chart {
            Chart::Forest(forest) => forest.draw(width),
            Chart::Arms(arms) => arms.draw(width),
            Chart::Curve(curve) => curve.draw(width),
        };
        inner.element(&self.alt)
    }

    /// The picture as a file of its own.
    pub fn file(&self) -> String {
        let svg = self.svg(Width::Page);
        canvas::standalone(&svg)
    }
}
