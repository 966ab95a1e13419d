//! The calibration as CSV, as tables and as a picture.

use std::error::Error;
use std::fmt::Write;

use plotters::prelude::*;

use super::selection::Selected;
use super::tally::{Method, Tally};
use super::world::Dominant;
use super::{Cell, METHODS, SEEDS};

/// One line per cell, then one per selection; shares in percent.
pub fn csv(rows: &[(Cell, Tally)], selected: &[Selected]) -> String {
    let mut text = String::from(
        "scenario,dominant,problems,accuracy,seeds,method,worlds,\
         false_greater,false_less,coverage,false_equivalent,false_greater_of_judged\n",
    );
    for (cell, tally) in rows {
        let shares = tally
            .percent()
            .map(|share| share.map_or(String::new(), |share| format!("{share:.2}")));
        let _ = writeln!(
            text,
            "plain,{},{},{},{},{},{},{},",
            dominant(cell.world.dominant),
            problems(cell.world.shared),
            cell.accuracy.0,
            cell.world.seeds,
            name(cell.method),
            tally.worlds,
            shares.join(","),
        );
    }
    for one in selected {
        let of_judged = one
            .of_judged
            .map_or(String::new(), |share| format!("{share:.2}"));
        let (what, seeds, worlds, greater) = (one.what, one.seeds, one.worlds, one.greater);
        let _ = writeln!(
            text,
            "\"{what}\",seed,own,,{seeds},t,{worlds},{greater:.2},,,,{of_judged}"
        );
    }
    text
}

/// Capabilities and worst cells by problems, method and seeds; and the selections.
pub fn tables(rows: &[(Cell, Tally)], selected: &[Selected]) -> String {
    let mut text = String::from(
        "| problems | method | seeds | false greater: mean, worst | false less: mean, worst | \
         coverage: mean, worst | false equivalent: mean, worst |\n|---|---|---|---|---|---|---|\n",
    );
    for shared in [false, true] {
        for method in METHODS {
            for seeds in SEEDS {
                let such: Vec<[Option<f64>; 4]> = rows
                    .iter()
                    .filter(|(cell, _)| {
                        (cell.world.shared, cell.method, cell.world.seeds)
                            == (shared, method, seeds)
                    })
                    .map(|(_, tally)| tally.percent())
                    .collect();
                if such.is_empty() {
                    continue;
                }
                let column = |place: usize| -> Vec<f64> {
                    such.iter().filter_map(|shares| shares[place]).collect()
                };
                let errs = [0, 1, 3].map(|place| summary(&column(place), f64::max));
                let covered = summary(&column(2), f64::min);
                let _ = writeln!(
                    text,
                    "| {} | {} | {seeds} | {} | {} | {covered} | {} |",
                    problems(shared),
                    name(method),
                    errs[0],
                    errs[1],
                    errs[2],
                );
            }
        }
    }
    text.push_str(
        "\n| selection | seeds | false greater | of the worlds judged |\n|---|---|---|---|\n",
    );
    let mut ordered: Vec<&Selected> = selected.iter().collect();
    ordered.sort_by_key(|one| selected.iter().position(|first| first.what == one.what));
    for one in ordered {
        let of_judged = one
            .of_judged
            .map_or(String::new(), |share| format!("{share:.1}"));
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {of_judged} |",
            one.what, one.seeds, one.greater
        );
    }
    text
}

fn summary(shares: &[f64], pick: fn(f64, f64) -> f64) -> String {
    let Some(worst) = shares.iter().copied().reduce(pick) else {
        return String::new();
    };
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    format!("{mean:.1}, {worst:.1}")
}

/// Coverage of every cell, own problems left and shared ones right.
pub fn plot(rows: &[(Cell, Tally)]) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (960, 420)).into_drawing_area();
        root.fill(&WHITE)?;
        for (area, shared) in root.split_evenly((1, 2)).iter().zip([false, true]) {
            let title = format!(
                "{} problems: coverage of the 95% interval",
                problems(shared)
            );
            let mut chart = ChartBuilder::on(area)
                .caption(title, ("sans-serif", 16))
                .margin(12)
                .x_label_area_size(36)
                .y_label_area_size(44)
                .build_cartesian_2d(-0.5..3.5, 70.0..100.0)?;
            chart
                .configure_mesh()
                .disable_x_mesh()
                .max_light_lines(0)
                .y_label_formatter(&|percent: &f64| format!("{percent:.0}"))
                .x_labels(4)
                .x_label_formatter(&|x: &f64| {
                    SEEDS
                        .get(x.round() as usize)
                        .map_or(String::new(), usize::to_string)
                })
                .x_desc("seeds")
                .y_desc("percent of worlds")
                .draw()?;
            let nominal = [(-0.5, 95.0), (3.5, 95.0)];
            chart.draw_series(LineSeries::new(nominal, BLACK.stroke_width(1)))?;
            for (place, (method, colour)) in shown().into_iter().enumerate() {
                if !shared && method == Method::TwoWay {
                    continue;
                }
                let dots = rows.iter().filter_map(|(cell, tally)| {
                    let seeds = SEEDS.iter().position(|seeds| *seeds == cell.world.seeds)?;
                    let covered = tally.percent()[2]?;
                    let dodge = 0.2 * (place as f64 - 1.0);
                    let fits = cell.method == method && cell.world.shared == shared;
                    fits.then_some((seeds as f64 + dodge, covered.max(70.0)))
                });
                chart
                    .draw_series(dots.map(|dot| Circle::new(dot, 4, colour.mix(0.7).filled())))?
                    .label(name(method))
                    .legend(move |(x, y)| Circle::new((x + 8, y), 4, colour.filled()));
            }
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::LowerRight)
                .border_style(BLACK.mix(0.3))
                .background_style(WHITE)
                .draw()?;
        }
        root.present()?;
    }
    Ok(svg)
}

/// Methods with an interval, in colours that are told apart by the colour-blind (Okabe and Ito).
fn shown() -> [(Method, RGBColor); 3] {
    [
        (Method::T, RGBColor(0, 114, 178)),
        (Method::TwoWay, RGBColor(213, 94, 0)),
        (Method::Bootstrap, RGBColor(0, 158, 115)),
    ]
}

fn name(method: Method) -> &'static str {
    match method {
        Method::T => "t over seeds",
        Method::TwoWay => "two-way",
        Method::Bootstrap => "bootstrap",
        Method::SignFlip => "sign-flip",
    }
}

fn problems(shared: bool) -> &'static str {
    if shared { "shared" } else { "own" }
}

fn dominant(part: Dominant) -> &'static str {
    match part {
        Dominant::Seed => "seed",
        Dominant::Draw => "draw",
        Dominant::Problem => "problem",
    }
}
