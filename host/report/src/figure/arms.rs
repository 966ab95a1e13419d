//! Arms one below the other: where each started, where it got to, seed by seed.

use picklock_stats::Interval;

use super::canvas::{
    Anchor, Canvas, Drawing, FIRST, GRID, INK, LETTERS, MUTED, WIDTH, draw, text_width,
};
use super::scale::Scale;
use crate::numbers;

const ROW: f64 = 26.0;

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

impl Arms {
    pub(super) fn draw(&self) -> Drawing {
        let widths = self.rows.iter().map(|row| text_width(&row.name, LETTERS));
        let left = 16.0 + widths.fold(60.0, f64::max).min(0.42 * WIDTH);
        let right = WIDTH - 58.0;
        let bottom = 6.0 + ROW * self.rows.len() as f64;
        let scale = Scale::new((0.0, 100.0), (left, right));
        draw(bottom + 44.0, |canvas| {
            for tick in scale.ticks(5) {
                let x = scale.at(tick);
                canvas.line(&[(x, 4.0), (x, bottom)], GRID, 1, 1.0);
                canvas.small(
                    (x, bottom + 11.0),
                    &format!("{tick:.0}"),
                    Anchor::Middle,
                    MUTED,
                );
            }
            let middle = f64::midpoint(left, right);
            canvas.text((middle, bottom + 32.0), "accuracy, %", Anchor::Middle, INK);
            for (index, row) in self.rows.iter().enumerate() {
                let y = 6.0 + ROW * (index as f64 + 0.5);
                row.draw(canvas, &scale, left, y);
                let text = numbers::percent(row.accuracy);
                canvas.small((WIDTH - 4.0, y), &text, Anchor::End, MUTED);
            }
        })
    }
}

impl ArmRow {
    fn draw(&self, canvas: &Canvas, scale: &Scale, left: f64, y: f64) {
        let (color, name) = if self.foreign {
            (MUTED, MUTED)
        } else {
            (FIRST + 1, INK)
        };
        canvas.text((left - 12.0, y), &self.name, Anchor::End, name);
        let mean = scale.at(self.accuracy);
        if let Some(from) = self.from {
            let from = scale.at(from);
            canvas.band((from, y - 4.0), (mean, y + 4.0), color, 0.22);
            canvas.ring((from, y), 4, MUTED);
        }
        if let Some(interval) = self.interval {
            let ends = [(scale.at(interval.low), y), (scale.at(interval.high), y)];
            canvas.line(&ends, color, 1, 0.8);
            for (x, y) in ends {
                canvas.line(&[(x, y - 4.0), (x, y + 4.0)], color, 1, 0.8);
            }
        }
        let opacity = if self.foreign { 0.35 } else { 0.6 };
        for seed in &self.seeds {
            canvas.dot((scale.at(*seed), y), 3, FIRST, opacity);
        }
        canvas.dot((mean, y), 5, color, 1.0);
    }
}
