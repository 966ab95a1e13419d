//! The picture: accuracy against unlocking steps.

use std::collections::BTreeMap;
use std::path::Path;

use picklock_sdk::HELD_OUT;
use plotters::prelude::*;

use super::evidence::{Evidence, mean};
use crate::error::{Error, Result};
use crate::hypothesis::ArmRef;
use crate::journal::write_atomically;

/// Width and height in pixels.
const SIZE: (u32, u32) = (860, 520);

/// A line across the picture, or along the curve, in its colour (after Okabe and Ito 2008).
struct Level {
    name: &'static str,
    color: RGBColor,
    /// Accuracy in percent at each number of steps, for each seed.
    seeds: Vec<BTreeMap<u32, f64>>,
}

/// Draws `core.svg`, where the run has core's curve.
///
/// # Errors
/// Where the folder can't be written.
pub fn write(run: &Path, evidence: &Evidence) -> Result<()> {
    let path = run.join("core.svg");
    let unlocked = curve(evidence, &ArmRef::of("core", "unlock"));
    let last = unlocked
        .iter()
        .filter_map(|seed| seed.keys().next_back())
        .max()
        .copied();
    let Some(last) = last.filter(|last| *last > 0) else {
        return Ok(());
    };
    let level = |name, arm: &str, color| {
        let accuracy = evidence
            .accuracy(&ArmRef::of("core", arm), HELD_OUT)
            .into_values();
        let seeds = accuracy.map(|percent| BTreeMap::from([(0, percent), (last, percent)]));
        Level {
            name,
            color,
            seeds: seeds.collect(),
        }
    };
    let levels = [
        level("password", "password", RGBColor(0, 158, 115)),
        Level {
            name: "unlocked",
            color: RGBColor(213, 94, 0),
            seeds: unlocked,
        },
        level("locked", "locked", RGBColor(0, 114, 178)),
        level("weak", "weak", RGBColor(120, 120, 120)),
    ];
    let mut svg = String::new();
    draw(&mut svg, &levels, last, &evidence.manifest.organism.name)
        .map_err(|error| Error::file(&path, error))?;
    write_atomically(&path, with_title(&svg, &levels, last).as_bytes())
}

/// Adds what a reader who can't see the picture needs: its ends in words.
fn with_title(svg: &str, levels: &[Level], last: u32) -> String {
    let ends = levels.iter().filter_map(|level| {
        let (_, end) = mean_line(&level.seeds).last().copied()?;
        Some(format!("{} {end:.1}%", level.name))
    });
    let ends = ends.collect::<Vec<_>>().join(", ");
    let title = format!("<title>Accuracy after {last} unlocking steps: {ends}</title>");
    svg.replacen("<rect", &format!("{title}\n<rect"), 1)
}

/// Each seed's accuracy after each number of steps: the measures `step-N`.
fn curve(evidence: &Evidence, arm: &ArmRef) -> Vec<BTreeMap<u32, f64>> {
    let mut seeds: BTreeMap<u32, BTreeMap<u32, f64>> = BTreeMap::new();
    let names = evidence.trials(arm).flat_map(|trial| trial.measures.iter());
    let mut steps: Vec<u32> = names
        .filter_map(|measure| measure.name.strip_prefix("step-")?.parse().ok())
        .collect();
    steps.sort_unstable();
    steps.dedup();
    for step in steps {
        for (seed, percent) in evidence.accuracy(arm, &format!("step-{step}")) {
            seeds.entry(seed).or_default().insert(step, percent);
        }
    }
    seeds.into_values().collect()
}

fn draw(
    svg: &mut String,
    levels: &[Level],
    last: u32,
    organism: &str,
) -> std::result::Result<(), String> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let refused = |error: DrawingAreaErrorKind<_>| error.to_string();
    area.fill(&WHITE).map_err(refused)?;
    let caption = format!("Accuracy while memorising two weak samples ({organism})");
    let mut chart = ChartBuilder::on(&area)
        .caption(caption, ("sans-serif", 20))
        .margin(16)
        .margin_right(110)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..f64::from(last), 0.0..100.0)
        .map_err(refused)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_desc("unlocking steps")
        .y_desc("accuracy on held-out problems, %")
        .label_style(("sans-serif", 14))
        .x_label_formatter(&|step| format!("{step:.0}"))
        .y_label_formatter(&|percent| format!("{percent:.0}"))
        .draw()
        .map_err(refused)?;
    let mut labels = Vec::new();
    for level in levels {
        for seed in &level.seeds {
            let points = seed
                .iter()
                .map(|(step, percent)| (f64::from(*step), *percent));
            chart
                .draw_series(LineSeries::new(points, level.color.mix(0.25)))
                .map_err(refused)?;
        }
        let mean = mean_line(&level.seeds);
        let Some((_, end)) = mean.last().copied() else {
            continue;
        };
        labels.push((end, level));
        chart
            .draw_series(LineSeries::new(mean, level.color.stroke_width(3)))
            .map_err(refused)?;
    }
    for (y, level) in spread(labels) {
        let style = ("sans-serif", 15).into_font().color(&level.color);
        let (x, y) = chart.backend_coord(&(f64::from(last), y));
        area.draw(&Text::new(level.name, (x + 8, y - 8), style))
            .map_err(refused)?;
    }
    drop(chart);
    area.present().map_err(refused)
}

/// The mean over seeds at every step that all of them have.
fn mean_line(seeds: &[BTreeMap<u32, f64>]) -> Vec<(f64, f64)> {
    let Some(first) = seeds.first() else {
        return Vec::new();
    };
    let at = |step: &u32| -> Option<(f64, f64)> {
        let values: Option<Vec<f64>> = seeds.iter().map(|seed| seed.get(step).copied()).collect();
        Some((f64::from(*step), mean(&values?)))
    };
    first.keys().filter_map(at).collect()
}

/// Moves labels apart that would lie on each other, from the top down.
fn spread(mut labels: Vec<(f64, &Level)>) -> Vec<(f64, &Level)> {
    labels.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let mut above = f64::INFINITY;
    for (y, _) in &mut labels {
        *y = y.min(above - 5.0);
        above = *y;
    }
    labels
}
