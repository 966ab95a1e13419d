//! Curves: accuracy against a number, each seed faint and their mean bold with its interval.

use std::collections::BTreeMap;

use picklock_stats::Interval;

use super::canvas::{
    Anchor, Canvas, Drawing, FIRST, GRID, INK, LETTERS, MUTED, WIDTH, draw, text_width,
};
use super::scale::{Scale, spread, without_overlap};
use crate::evidence::mean;
use crate::numbers::{self, Estimate};

/// Numbers that span more than this are drawn on a logarithmic axis.
const WIDE: f64 = 15.0;

/// Height of the picture, in pixels.
const HEIGHT: f64 = 380.0;

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

/// Where things stand, in pixels.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Scale,
    y: Scale,
}

impl Curve {
    pub(super) fn draw(&self) -> Drawing {
        let names = self
            .lines()
            .map(|(line, _)| text_width(&line.name, LETTERS));
        let labels = names.fold(40.0, f64::max).min(0.3 * WIDTH);
        let (left, right) = (46.0, WIDTH - labels - 26.0);
        let (top, bottom) = (30.0, HEIGHT - 50.0);
        let frame = Frame {
            left,
            right,
            top,
            bottom,
            x: self.x_scale((left + 6.0, right - 6.0)),
            y: Scale::new((0.0, 100.0), (bottom, top)),
        };
        draw(HEIGHT, |canvas| {
            self.axes(canvas, &frame);
            for (line, color) in self.lines() {
                line.draw(canvas, &frame, color);
            }
            self.names(canvas, &frame);
        })
    }

    /// All lines with their colours, those to compare with first.
    fn lines(&self) -> impl Iterator<Item = (&Series, usize)> {
        let levels = self.levels.iter().map(|level| (level, MUTED));
        let colors = (0..5).map(|index| FIRST + index).cycle();
        levels.chain(self.series.iter().zip(colors))
    }

    fn numbers(&self) -> Vec<f64> {
        let seeds = self.series.iter().flat_map(|line| &line.seeds);
        let numbers = seeds.flat_map(|seed| seed.keys().map(|x| x.value()));
        let mut numbers: Vec<f64> = numbers.collect();
        numbers.sort_by(f64::total_cmp);
        numbers.dedup();
        numbers
    }

    fn is_log(&self) -> bool {
        match self.numbers().as_slice() {
            [first, .., last] => *first > 0.0 && last / first > WIDE,
            _ => false,
        }
    }

    fn x_scale(&self, pixels: (f64, f64)) -> Scale {
        let numbers = self.numbers();
        let ends = (
            numbers.first().copied().unwrap_or(0.0),
            numbers.last().copied().unwrap_or(1.0),
        );
        if self.is_log() {
            Scale::log(ends, pixels)
        } else {
            Scale::new(ends, pixels)
        }
    }

    fn axes(&self, canvas: &Canvas, frame: &Frame) {
        let label = "accuracy on held-out problems";
        canvas.text((4.0, 9.0), label, Anchor::Start, INK);
        for tick in frame.y.ticks(5) {
            let y = frame.y.at(tick);
            canvas.line(&[(frame.left, y), (frame.right, y)], GRID, 1, 1.0);
            canvas.small(
                (frame.left - 6.0, y),
                &format!("{tick:.0}%"),
                Anchor::End,
                MUTED,
            );
        }
        let numbers = self.numbers();
        let ticks = numbers
            .iter()
            .map(|number| (frame.x.at(*number), numbers::plain(*number)));
        let ticks: Vec<(f64, String)> = ticks.collect();
        let texts = ticks
            .iter()
            .map(|(x, text)| (*x, text_width(text, LETTERS - 1.0)));
        let free = without_overlap(&texts.collect::<Vec<_>>(), 5.0);
        for ((x, text), free) in ticks.into_iter().zip(free) {
            canvas.line(&[(x, frame.bottom), (x, frame.bottom + 4.0)], MUTED, 1, 1.0);
            if free {
                canvas.small((x, frame.bottom + 14.0), &text, Anchor::Middle, MUTED);
            }
        }
        if let Some((number, name)) = &self.mark {
            let x = frame.x.at(*number);
            canvas.line(&[(x, frame.top), (x, frame.bottom)], INK, 1, 0.6);
            canvas.small((x + 5.0, frame.top + 8.0), name, Anchor::Start, INK);
        }
        let middle = f64::midpoint(frame.left, frame.right);
        let log = if self.is_log() { " (logarithmic)" } else { "" };
        let label = format!("{}{log}", self.x_label);
        canvas.text((middle, frame.bottom + 36.0), &label, Anchor::Middle, INK);
    }

    /// Names stand at the lines' ends, moved apart where they would lie on each other.
    fn names(&self, canvas: &Canvas, frame: &Frame) {
        let ends = self.lines().filter_map(|(line, color)| {
            let (_, percent) = line.means().last().copied()?;
            Some((line, color, frame.y.at(percent)))
        });
        let ends: Vec<(&Series, usize, f64)> = ends.collect();
        let heights: Vec<f64> = ends.iter().map(|(_, _, y)| *y).collect();
        let places = spread(&heights, 16.0, frame.top, frame.bottom);
        for ((line, color, end), y) in ends.iter().zip(places) {
            let x = frame.right;
            canvas.line(&[(x - 4.0, *end), (x + 10.0, y)], *color, 1, 0.7);
            canvas.dot((x + 12.0, y), 3, *color, 1.0);
            canvas.text((x + 19.0, y), &line.name, Anchor::Start, INK);
        }
    }
}

impl Series {
    /// The mean over seeds at every number that all of them have.
    pub fn means(&self) -> Vec<(X, f64)> {
        let Some(first) = self.seeds.first() else {
            return Vec::new();
        };
        let at = |x: &X| -> Option<(X, f64)> {
            let values = self.seeds.iter().map(|seed| seed.get(x).copied());
            Some((*x, mean(&values.collect::<Option<Vec<f64>>>()?)))
        };
        first.keys().filter_map(at).collect()
    }

    /// These means with their 95% intervals.
    pub fn estimates(&self) -> Vec<(X, f64, Option<Interval>)> {
        let at = |(x, mean): (X, f64)| {
            let values: Vec<f64> = self.seeds.iter().map(|seed| seed[&x]).collect();
            (x, mean, Estimate::of(&values, 0.95).interval)
        };
        self.means().into_iter().map(at).collect()
    }

    fn draw(&self, canvas: &Canvas, frame: &Frame, color: usize) {
        let place = |x: f64, percent: f64| (frame.x.at(x), frame.y.at(percent));
        let level = color == MUTED;
        for seed in &self.seeds {
            let points: Vec<_> = seed.iter().map(|(x, y)| place(x.value(), *y)).collect();
            canvas.line(&points, color, 1, if level { 0.25 } else { 0.4 });
            if !level {
                for point in points {
                    canvas.dot(point, 2, color, 0.5);
                }
            }
        }
        let estimates = self.estimates();
        let mean: Vec<_> = estimates
            .iter()
            .map(|(x, y, _)| place(x.value(), *y))
            .collect();
        canvas.line(&mean, color, if level { 2 } else { 3 }, 1.0);
        if level {
            return;
        }
        for point in mean {
            canvas.dot(point, 4, color, 1.0);
        }
        for (x, _, interval) in estimates {
            if let Some(ends) = interval {
                let ends = [ends.low.max(0.0), ends.high.min(100.0)];
                canvas.line(&ends.map(|end| place(x.value(), end)), color, 2, 0.8);
            }
        }
    }
}
