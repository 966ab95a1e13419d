//! Seeds that share their problems: all are asked the same, and verdicts are clustered by seed and
//! problem.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_tests::{MICRO, Place, Table};

const RUN: [&str; 7] = ["core", "--seeds", "3", "--draws", "2", "--out", "o"];

/// The prompts that a seed's models were asked.
fn prompts(place: &Place, seed: &str) -> Vec<String> {
    let shown = place
        .picklock(&["show", "o", "--seed", seed, "--limit", "16"])
        .ok()
        .stdout;
    let prompts = shown
        .lines()
        .filter(|line| line.trim_start().starts_with("prompt"));
    prompts.map(String::from).collect()
}

#[test]
fn verdicts_are_clustered_by_problem_where_seeds_share_them() {
    let own = Place::new();
    own.run(&RUN).ok();
    assert_ne!(prompts(&own, "0"), prompts(&own, "1"));

    let shared = Place::new();
    let organism = MICRO.replace("validation = 16", "validation = 16\nshared = true");
    shared.write("root/organisms/micro.toml", &organism);
    let done = shared.run(&RUN).ok();
    assert!(
        done.stdout.contains("clustered by seed and problem"),
        "{}",
        done.stdout
    );
    let asked = prompts(&shared, "0");
    assert_eq!(asked.len(), 16);
    assert_eq!(asked, prompts(&shared, "1"));

    // The two-way standard error is never below that of t over seeds, which the trials give.
    let summary = Table::read(&shared.here("o/summary.csv"));
    let trials = Table::read(&shared.here("o/trials.csv"));
    let accuracy = |arm: &str, seed: &str| {
        let rows = trials.with(&[("arm", arm), ("seed", seed), ("name", "held-out")]);
        let values = rows.iter().map(|row| row["value"].parse::<f64>().unwrap());
        100.0 * values.sum::<f64>() / rows.len() as f64
    };
    let row = summary.with(&[("prediction", "unlock-raises-accuracy")])[0];
    assert_eq!(&row["generalises_to"], "new seeds and problems");
    let number = |column: &str| row[column].parse::<f64>().unwrap();
    let seeds: Vec<f64> = ["0", "1", "2"]
        .iter()
        .map(|seed| accuracy("unlock", seed) - accuracy("locked", seed))
        .collect();
    let mean = seeds.iter().sum::<f64>() / 3.0;
    let variance = seeds
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / 2.0;
    // t with 2 degrees of freedom at 97.5%.
    let half = 4.302_652_73 * (variance / 3.0).sqrt();
    assert!((number("estimate_pp") - mean).abs() < 1e-9, "{row:?}");
    let width = number("ci_high_pp") - number("ci_low_pp");
    assert!(width >= 2.0 * half - 1e-6, "{width} against {}", 2.0 * half);
}
