//! Every arm's accuracy, and its effect over what it is compared with.

use picklock_grade::Grade;
use picklock_record::{ArmRef, core_arms};
use picklock_sdk::HELD_OUT;
use picklock_stats::wilson;

use super::{Block, Section, Table};
use crate::evidence::{Evidence, mean};
use crate::numbers::{self, Estimate};

/// One row for each arm that answered the held-out problems.
pub fn table(evidence: &Evidence) -> Table {
    let columns = [
        "arm",
        "#accuracy",
        "against",
        "#effect in points (95% interval)",
        "#p",
        "#recovery",
    ];
    let mut table = Table::new("Accuracy on held-out problems, means over seeds", &columns);
    for arm in evidence.arms() {
        let accuracy: Vec<f64> = evidence.accuracy(&arm, HELD_OUT).into_values().collect();
        if accuracy.is_empty() {
            continue;
        }
        let control = evidence.control(&arm);
        let effect = control.as_ref().map_or_else(Estimate::default, |control| {
            Estimate::of_effect(&evidence.effect(&arm, control), 0.95)
        });
        table.row([
            arm.to_string(),
            match accuracy.as_slice() {
                [seed] => of_one_seed(evidence, &arm, *seed),
                _ => numbers::percent(mean(&accuracy)),
            },
            control
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            effect.text(),
            effect.p_text(),
            control
                .and_then(|control| recovery(evidence, &arm, &control))
                .unwrap_or_default(),
        ]);
    }
    table
}

/// A single seed's accuracy, over its draws; where these all answered alike, which an arm without draws
/// of its own does, with Wilson's interval over the problems.
fn of_one_seed(evidence: &Evidence, arm: &ArmRef, accuracy: f64) -> String {
    let accuracy = numbers::percent(accuracy);
    let mut draws = evidence
        .done(arm)
        .filter_map(|trial| trial.measure(HELD_OUT));
    let Some(first) = draws.next() else {
        return accuracy;
    };
    if draws.any(|draw| draw.grades != first.grades) {
        return accuracy;
    }
    let correct = first.count(Grade::Correct);
    match wilson(correct as u64, first.problems() as u64, 0.95) {
        Ok(ends) => {
            let (low, high) = (numbers::percent(ends.low), numbers::percent(ends.high));
            format!("{accuracy} ({low} to {high})")
        }
        Err(_) => accuracy,
    }
}

/// How much of the gap between the locked model and its password an arm regained; none where it
/// doesn't start from the plain lock, or there is no gap.
fn recovery(evidence: &Evidence, arm: &ArmRef, control: &ArmRef) -> Option<String> {
    let (_, locked) = core_arms();
    if *control != locked {
        return None;
    }
    let mean_of = |arm: &ArmRef| {
        let seeds: Vec<f64> = evidence.accuracy(arm, HELD_OUT).into_values().collect();
        (!seeds.is_empty()).then(|| mean(&seeds))
    };
    let password = mean_of(&ArmRef::of("core", "password"))?;
    let share = picklock_stats::recovery(mean_of(arm)?, mean_of(&locked)?, password).ok()?;
    Some(numbers::share(share))
}

pub(super) fn section(evidence: &Evidence) -> Option<Section> {
    let text = "Each arm on the held-out problems, without password unless its name says so, greedy \
                decoding; with a single seed whose draws all answer alike, with Wilson's 95% interval over its \
                problems. \
                Effects are paired by seed, draw and problem; p is two-sided against 0 and not corrected for \
                the number of arms. Recovery is (arm - locked) / (password - locked), of arms that start \
                from the plain lock.";
    let blocks = vec![Block::Text(text.into()), Block::Table(table(evidence))];
    Section::of("arms", "Every arm", blocks)
}
