//! Curves: accuracy against a number, each seed faint and their mean bold with its interval.

use super::canvas::{Anchor, Canvas, Drawing, FIRST, GRID, INK, MUTED, Width, draw, text_width};
use super::scale::{Scale, spread, without_overlap};
use super::{Curve, Series, estimates, mean_line};
use crate::numbers;

const LETTERS: f64 = 13.0;
/// Numbers that span more than this are drawn on a logarithmic axis.
const WIDE: f64 = 15.0;

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
    pub(super) fn draw(&self, width: Width) -> Drawing {
        let height = match width {
            Width::Page => 380.0,
            Width::Phone => 310.0,
        };
        let names = self
            .lines()
            .map(|(line, _)| text_width(&line.name, LETTERS));
        let labels = names.fold(40.0, f64::max).min(0.3 * width.pixels());
        let (left, right) = (46.0, width.pixels() - labels - 26.0);
        let (top, bottom) = (30.0, height - 50.0);
        let frame = Frame {
            left,
            right,
            top,
            bottom,
            x: self.x_scale((left + 6.0, right - 6.0)),
            y: Scale::new((0.0, 100.0), (bottom, top)),
        };
        draw(width.pixels(), height, |canvas| {
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
        let mut numbers: Vec<f64> = seeds
            .flat_map(|seed| seed.keys().map(|x| x.value()))
            .collect();
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
        match self.is_log() {
            true => Scale::log(ends, pixels),
            false => Scale::new(ends, pixels),
        }
    }

    fn axes(&self, canvas: &Canvas, frame: &Frame) {
        let label = "accuracy on held-out problems";
        canvas.text((4.0, 9.0), label, Anchor::Start, LETTERS, INK);
        for tick in frame.y.ticks(5) {
            let y = frame.y.at(tick);
            canvas.line(&[(frame.left, y), (frame.right, y)], GRID, 1, 1.0);
            let text = format!("{tick:.0}%");
            canvas.text(
                (frame.left - 6.0, y),
                &text,
                Anchor::End,
                LETTERS - 1.0,
                MUTED,
            );
        }
        let ticks: Vec<(f64, String)> = self
            .numbers()
            .into_iter()
            .map(|number| (frame.x.at(number), numbers::plain(number)))
            .collect();
        let places: Vec<(f64, f64)> = ticks
            .iter()
            .map(|(x, text)| (*x, text_width(text, LETTERS - 1.0)))
            .collect();
        for ((x, text), free) in ticks.iter().zip(without_overlap(&places, 5.0)) {
            canvas.line(
                &[(*x, frame.bottom), (*x, frame.bottom + 4.0)],
                MUTED,
                1,
                1.0,
            );
            if free {
                canvas.text(
                    (*x, frame.bottom + 14.0),
                    text,
                    Anchor::Middle,
                    LETTERS - 1.0,
                    MUTED,
                );
            }
        }
        if let Some((number, name)) = &self.mark {
            let x = frame.x.at(*number);
            canvas.line(&[(x, frame.top), (x, frame.bottom)], INK, 1, 0.6);
            canvas.text(
                (x + 5.0, frame.top + 8.0),
                name,
                Anchor::Start,
                LETTERS - 1.0,
                INK,
            );
        }
        let middle = f64::midpoint(frame.left, frame.right);
        let label = match self.is_log() {
            true => format!("{} (logarithmic)", self.x_label),
            false => self.x_label.clone(),
        };
        canvas.text(
            (middle, frame.bottom + 36.0),
            &label,
            Anchor::Middle,
            LETTERS,
            INK,
        );
    }

    /// Names stand at the lines' ends, moved apart where they would lie on each other.
    fn names(&self, canvas: &Canvas, frame: &Frame) {
        let ends: Vec<(&Series, usize, f64)> = self
            .lines()
            .filter_map(|(line, color)| {
                let (_, percent) = mean_line(&line.seeds).last().copied()?;
                Some((line, color, frame.y.at(percent)))
            })
            .collect();
        let heights: Vec<f64> = ends.iter().map(|(_, _, y)| *y).collect();
        let places = spread(&heights, 16.0, frame.top, frame.bottom);
        for ((line, color, end), y) in ends.iter().zip(places) {
            let x = frame.right;
            canvas.line(&[(x - 4.0, *end), (x + 10.0, y)], *color, 1, 0.7);
            canvas.dot((x + 12.0, y), 3, *color, 1.0);
            canvas.text((x + 19.0, y), &line.name, Anchor::Start, LETTERS, INK);
        }
    }
}

impl Series {
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
        let estimates = estimates(&self.seeds);
        let mean = estimates.iter().map(|(x, y, _)| place(x.value(), *y));
        let mean: Vec<_> = mean.collect();
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
