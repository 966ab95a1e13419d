//! Every arm's accuracy, and its effect over what it is compared with.

use picklock_grade::Grade;
use picklock_record::{ArmRef, core_arms};
use picklock_sdk::HELD_OUT;
use picklock_stats::wilson;

use super::section::{Block, Section};
use crate::analysis::{Analysis, ArmAnalysis};
use crate::evidence::Evidence;
use crate::numbers;
use crate::table::Table;

/// One row for each arm that answered the held-out problems.
pub fn table(analysis: &Analysis) -> Table {
    let columns = "arm | #accuracy | against | #effect in points (95% interval) | #p | #recovery";
    let mut table = Table::new("Accuracy on held-out problems, means over seeds", columns);
    for known in &analysis.arms {
        let Some(accuracy) = known.accuracy else {
            continue;
        };
        table.row([
            known.arm.to_string(),
            match known.seeds.as_slice() {
                [seed] => of_one_seed(analysis.evidence, &known.arm, *seed),
                _ => numbers::percent(accuracy),
            },
            known.control_text(),
            known.effect.text(),
            numbers::optional_p(known.effect.p),
            recovery(analysis, known)
                .map(numbers::share)
                .unwrap_or_default(),
        ]);
    }
    table
}

/// A single seed's accuracy, over its draws; where these all answered alike, which an arm without draws
/// of its own does, with Wilson's interval over the problems.
fn of_one_seed(evidence: &Evidence, arm: &ArmRef, accuracy: f64) -> String {
    let accuracy = numbers::percent(accuracy);
    let trials = evidence.done(arm);
    let mut draws = trials.filter_map(|trial| trial.measure(HELD_OUT));
    let Some(first) = draws.next() else {
        return accuracy;
    };
    if draws.any(|draw| draw.grades != first.grades) {
        return accuracy;
    }
    let correct = first.count(Grade::Correct);
    let Ok(ends) = wilson(correct as u64, first.problems() as u64, 0.95) else {
        return accuracy;
    };
    let (low, high) = (numbers::percent(ends.low), numbers::percent(ends.high));
    format!("{accuracy} ({low} to {high})")
}

/// How much of the gap between the locked model and its password an arm regained; none where it
/// doesn't start from the plain lock, or there is no gap.
fn recovery(analysis: &Analysis, known: &ArmAnalysis) -> Option<f64> {
    let (_, locked) = core_arms();
    if known.control.as_ref() != Some(&locked) {
        return None;
    }
    let password = analysis.accuracy(&ArmRef::of("core", "password"))?;
    picklock_stats::recovery(known.accuracy?, analysis.accuracy(&locked)?, password).ok()
}

pub(super) fn section(table: &Table) -> Option<Section> {
    let text = "Each arm on the held-out problems, without password unless its name says so, greedy \
                decoding; with a single seed whose draws all answer alike, with Wilson's 95% interval over its \
                problems. \
                Effects are paired by seed, draw and problem; p is two-sided against 0 and not corrected for \
                the number of arms. Recovery is (arm - locked) / (password - locked), of arms that start \
                from the plain lock.";
    let blocks = vec![Block::Text(text.into()), Block::Table(table.clone())];
    Section::of("arms", "Every arm", blocks)
}
