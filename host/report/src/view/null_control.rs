//! The null control: odd against even draws of the same arm, where no difference is to be found.

use std::collections::BTreeMap;

use picklock_record::core_arms;
use picklock_sdk::HELD_OUT;

use super::section::Section;
use crate::evidence::{Evidence, mean};
use crate::figure::ForestRow;
use crate::numbers::{self, Estimate};
use crate::table::Table;

/// Each seed's accuracies under `core/unlock`, draw by draw, in percent.
fn draws(evidence: &Evidence) -> BTreeMap<u32, Vec<f64>> {
    let mut seeds: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for trial in evidence.done(&core_arms().0) {
        if let Some(graded) = trial.measure(HELD_OUT) {
            let draws = seeds.entry(trial.member.seed).or_default();
            draws.extend(graded.accuracy());
        }
    }
    seeds.retain(|_, draws| draws.len() > 1);
    seeds
}

/// Capabilities of the first, third, ... and of the second, fourth, ... draws.
fn halves(draws: &[f64]) -> [f64; 2] {
    [0, 1].map(|first| {
        let half = draws.iter().copied().skip(first).step_by(2);
        mean(&half.collect::<Vec<f64>>())
    })
}

fn differences(evidence: &Evidence) -> Vec<f64> {
    let halves = draws(evidence).into_values().map(|draws| halves(&draws));
    halves.map(|[even, odd]| odd - even).collect()
}

fn estimate(evidence: &Evidence) -> Estimate {
    let draws: Vec<Vec<f64>> = draws(evidence).into_values().collect();
    match picklock_stats::null_control(&draws) {
        Ok(control) => Estimate::of_mean(Some(control.mean), &[], 0.95),
        Err(_) => Estimate::of_mean(None, &differences(evidence), 0.95),
    }
}

/// As a row of the picture of all effects.
pub(super) fn row(evidence: &Evidence) -> Option<ForestRow> {
    let seeds = differences(evidence);
    (!seeds.is_empty()).then(|| ForestRow {
        group: "null control".into(),
        name: "odd against even draws".into(),
        confirmatory: false,
        estimate: estimate(evidence),
        seeds,
        band: None,
    })
}

pub(super) fn section(evidence: &Evidence) -> Option<Section> {
    let mut table = Table::new(
        "Accuracy after unlocking, by half of the draws",
        "seed | #even draws | #odd draws | #odd - even, points",
    );
    for (seed, draws) in draws(evidence) {
        let [even, odd] = halves(&draws);
        table.row([
            seed.to_string(),
            numbers::percent(even),
            numbers::percent(odd),
            numbers::points(odd - even),
        ]);
    }
    let estimate = estimate(evidence);
    let found = match estimate.interval {
        None => "With one seed nothing can be said of its spread".to_string(),
        Some(interval) if interval.contains(0.0) => {
            "As it should, its 95% interval holds 0".to_string()
        }
        Some(_) => {
            "Its 95% interval leaves 0 out, which happens by chance in 1 of 20 runs: look at the \
                    draws before trusting small effects of this run"
                .to_string()
        }
    };
    let p = estimate
        .p
        .map(|p| format!(", p {}", numbers::p(p)))
        .unwrap_or_default();
    let text = format!(
        "Odd and even draws of core/unlock differ in nothing but chance. Odd - even: {} points{p}. {found}.",
        estimate.text()
    );
    Section::of_table("null-control", "Null control", &text, table)
}
