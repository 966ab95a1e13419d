//! The forest: effects with their intervals, their seeds, and where they were predicted.

use super::canvas::{Anchor, Canvas, Drawing, FIRST, GRID, INK, MUTED, WIDTH, draw};
use super::scale::Scale;
use crate::numbers::{self, Estimate};

const BLUE: usize = FIRST + 1;
const GREEN: usize = FIRST + 2;
/// Height of a row, and of a group's heading.
const ROW: f64 = 24.0;
const HEADING: f64 = 30.0;
/// Ends of the x axis; names stand left of it, and numbers right of it.
const LEFT: f64 = 248.0;
const RIGHT: f64 = WIDTH - 168.0;

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

impl Forest {
    pub(super) fn draw(&self) -> Drawing {
        let bottom = 8.0 + self.tops().last().map_or(0.0, |(top, _)| top + ROW);
        let scale = Scale::new(self.range(), (LEFT, RIGHT));
        draw(bottom + 44.0, |canvas| {
            axis(canvas, &scale, bottom);
            let mut group = "";
            for (top, row) in self.tops() {
                if group != row.group {
                    let y = top - HEADING / 2.0 + 2.0;
                    canvas.bold((4.0, y), &row.group, Anchor::Start, INK);
                    group = &row.group;
                }
                row.draw(canvas, &scale, top + ROW / 2.0);
            }
        })
    }

    /// Each row with the height of its top.
    fn tops(&self) -> Vec<(f64, &ForestRow)> {
        let (mut top, mut group) = (2.0, "");
        let mut tops = Vec::new();
        for row in &self.rows {
            if group != row.group {
                group = &row.group;
                top += HEADING;
            }
            tops.push((top, row));
            top += ROW;
        }
        tops
    }

    /// The effects that the axis spans: all seeds, and intervals up to three times as far out, so
    /// that a hopeless interval doesn't flatten the others.
    fn range(&self) -> (f64, f64) {
        let seeds = self.rows.iter().flat_map(|row| row.seeds.iter().copied());
        let (low, high) = ends(seeds.chain([0.0]));
        let reach = 1.0 * (high - low).max(10.0);
        let intervals = self.rows.iter().filter_map(|row| row.estimate.interval);
        let tips = intervals.flat_map(|interval| [interval.low, interval.high]);
        let bands = self.rows.iter().filter_map(|row| row.band);
        let edges = bands
            .flat_map(|band| [band.low, band.high])
            .filter(|end| end.is_finite());
        let (lowest, highest) = ends(tips.chain(edges).chain([low, high]));
        let (low, high) = (lowest.max(low - reach), highest.min(high + reach));
        let margin = 0.04 * (high - low);
        (low - margin, high + margin)
    }
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

fn axis(canvas: &Canvas, scale: &Scale, bottom: f64) {
    for tick in scale.ticks(6) {
        let x = scale.at(tick);
        canvas.line(&[(x, 4.0), (x, bottom)], GRID, 1, 1.0);
        let text = if tick == 0.0 {
            "0".into()
        } else {
            format!("{tick:+}")
        };
        canvas.small((x, bottom + 11.0), &text, Anchor::Middle, MUTED);
    }
    let middle = f64::midpoint(LEFT, RIGHT);
    let label = "effect, percentage points";
    canvas.text((middle, bottom + 32.0), label, Anchor::Middle, INK);
}

impl ForestRow {
    fn draw(&self, canvas: &Canvas, scale: &Scale, y: f64) {
        if let Some(band) = self.band {
            let (low, high) = (scale.at(band.low), scale.at(band.high));
            canvas.band((low, y - 10.0), (high, y + 10.0), GREEN, 0.18);
        }
        let zero = scale.at(0.0);
        canvas.line(&[(zero, y - 12.0), (zero, y + 12.0)], INK, 1, 1.0);
        canvas.text((14.0, y), &self.name, Anchor::Start, INK);
        let Some(points) = self.estimate.points else {
            canvas.text((zero + 8.0, y), "no estimate", Anchor::Start, MUTED);
            return;
        };
        canvas.small((WIDTH - 4.0, y), &self.estimate.text(), Anchor::End, MUTED);
        if let Some(interval) = self.estimate.interval {
            let ends = [(scale.at(interval.low), y), (scale.at(interval.high), y)];
            canvas.line(&ends, BLUE, 2, 1.0);
            for (end, number) in ends.into_iter().zip([interval.low, interval.high]) {
                tip(canvas, end, number, scale);
            }
        }
        for seed in &self.seeds {
            canvas.dot((scale.at(*seed), y), 3, FIRST, 0.55);
        }
        let color = if self.group == "null control" {
            MUTED
        } else {
            BLUE
        };
        canvas.diamond((scale.at(points), y), 6.0, color, self.confirmatory);
    }
}

/// The end of an interval: a stroke, or an arrow where the axis ends before it.
fn tip(canvas: &Canvas, (x, y): (f64, f64), number: f64, scale: &Scale) {
    let end = scale.at(number);
    let back = if (end - LEFT).abs() < 0.5 {
        6.0
    } else if (end - RIGHT).abs() < 0.5 {
        -6.0
    } else {
        canvas.line(&[(x, y - 4.0), (x, y + 4.0)], BLUE, 2, 1.0);
        return;
    };
    let arrow = [(x + back, y - 5.0), (x, y), (x + back, y + 5.0)];
    canvas.line(&arrow, BLUE, 2, 1.0);
}
