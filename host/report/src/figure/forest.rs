//! The forest: effects with their intervals, their seeds, and where they were predicted.

use super::canvas::{Anchor, Canvas, Drawing, FIRST, GRID, INK, MUTED, Width, draw};
use super::scale::Scale;
use super::{Forest, ForestRow};
use crate::numbers;

const LETTERS: f64 = 13.0;
/// About how many numbers stand along a phone's axis.
const NARROW_TICKS: usize = 4;
const BLUE: usize = FIRST + 1;
const GREEN: usize = FIRST + 2;

/// Where things stand, in pixels.
struct Layout {
    /// Height of a row, and of a group's heading.
    row: f64,
    heading: f64,
    /// How far below a row's top its effect is drawn.
    middle: f64,
    /// Ends of the x axis.
    left: f64,
    right: f64,
    /// Whether names stand left of the effects, and numbers right of them.
    beside: bool,
    width: f64,
}

impl Layout {
    fn new(width: Width) -> Self {
        let pixels = width.pixels();
        match width {
            Width::Page => Self {
                row: 24.0,
                heading: 30.0,
                middle: 12.0,
                left: 248.0,
                right: pixels - 168.0,
                beside: true,
                width: pixels,
            },
            Width::Phone => Self {
                row: 42.0,
                heading: 28.0,
                middle: 29.0,
                left: 10.0,
                right: pixels - 10.0,
                beside: false,
                width: pixels,
            },
        }
    }
}

impl Forest {
    pub(super) fn draw(&self, width: Width) -> Drawing {
        let layout = Layout::new(width);
        let bottom = 8.0
            + self
                .tops(&layout)
                .last()
                .map_or(0.0, |(top, _)| top + layout.row);
        let scale = Scale::new(self.range(), (layout.left, layout.right));
        draw(layout.width, bottom + 44.0, |canvas| {
            axis(canvas, &layout, &scale, bottom);
            let mut group = "";
            for (top, row) in self.tops(&layout) {
                if group != row.group {
                    let y = top - layout.heading / 2.0 + 2.0;
                    canvas.bold((4.0, y), &row.group, Anchor::Start, LETTERS, INK);
                    group = &row.group;
                }
                row.draw(canvas, &layout, &scale, top);
            }
        })
    }

    /// Each row with the height of its top.
    fn tops<'f>(&'f self, layout: &Layout) -> Vec<(f64, &'f ForestRow)> {
        let (mut top, mut group) = (2.0, "");
        let place = |row: &'f ForestRow| {
            if group != row.group {
                group = &row.group;
                top += layout.heading;
            }
            let here = top;
            top += layout.row;
            (here, row)
        };
        self.rows.iter().map(place).collect()
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

fn axis(canvas: &Canvas, layout: &Layout, scale: &Scale, bottom: f64) {
    let count = if layout.beside { 6 } else { NARROW_TICKS };
    for tick in scale.ticks(count) {
        let x = scale.at(tick);
        if layout.beside {
            canvas.line(&[(x, 4.0), (x, bottom)], GRID, 1, 1.0);
        }
        let text = if tick == 0.0 {
            "0".into()
        } else {
            format!("{tick:+}")
        };
        canvas.text(
            (x, bottom + 11.0),
            &text,
            Anchor::Middle,
            LETTERS - 1.0,
            MUTED,
        );
    }
    let middle = f64::midpoint(layout.left, layout.right);
    let label = "effect, percentage points";
    canvas.text((middle, bottom + 32.0), label, Anchor::Middle, LETTERS, INK);
}

impl ForestRow {
    fn draw(&self, canvas: &Canvas, layout: &Layout, scale: &Scale, top: f64) {
        let y = top + layout.middle;
        if !layout.beside {
            for tick in scale.ticks(NARROW_TICKS) {
                let x = scale.at(tick);
                canvas.line(&[(x, y - 10.0), (x, y + 10.0)], GRID, 1, 1.0);
            }
        }
        if let Some(band) = self.band {
            let (low, high) = (scale.at(band.low), scale.at(band.high));
            canvas.band((low, y - 10.0), (high, y + 10.0), GREEN, 0.18);
        }
        let zero = scale.at(0.0);
        canvas.line(&[(zero, y - 12.0), (zero, y + 12.0)], INK, 1, 1.0);
        let name = if layout.beside {
            (14.0, y)
        } else {
            (14.0, top + 8.0)
        };
        canvas.text(name, &self.name, Anchor::Start, LETTERS, INK);
        let Some(points) = self.estimate.points else {
            canvas.text(
                (scale.at(0.0) + 8.0, y),
                "no estimate",
                Anchor::Start,
                LETTERS,
                MUTED,
            );
            return;
        };
        let numbers = if layout.beside {
            (layout.width - 4.0, y)
        } else {
            (layout.width - 4.0, top + 8.0)
        };
        let text = match layout.beside {
            true => self.estimate.text(),
            false => numbers::points(points),
        };
        canvas.text(numbers, &text, Anchor::End, LETTERS - 1.0, MUTED);
        if let Some(interval) = self.estimate.interval {
            let ends = [(scale.at(interval.low), y), (scale.at(interval.high), y)];
            canvas.line(&ends, BLUE, 2, 1.0);
            for (end, number) in ends.into_iter().zip([interval.low, interval.high]) {
                tip(canvas, layout, end, number, scale);
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
fn tip(canvas: &Canvas, layout: &Layout, (x, y): (f64, f64), number: f64, scale: &Scale) {
    let cut = (scale.at(number) - layout.left).abs() < 0.5
        || (scale.at(number) - layout.right).abs() < 0.5;
    if cut {
        let back = if x > f64::midpoint(layout.left, layout.right) {
            -6.0
        } else {
            6.0
        };
        canvas.line(
            &[(x + back, y - 5.0), (x, y), (x + back, y + 5.0)],
            BLUE,
            2,
            1.0,
        );
    } else {
        canvas.line(&[(x, y - 4.0), (x, y + 4.0)], BLUE, 2, 1.0);
    }
}
