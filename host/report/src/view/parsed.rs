//! Unparsed answers by arm, and effects among problems parsed in both arms: a change of format must
//! not pass for unlocking.

use picklock_grade::Grade;
use picklock_record::ArmRef;
use picklock_sdk::HELD_OUT;

use super::{Block, Section, Table};
use crate::effect::Over;
use crate::evidence::{Evidence, mean};
use crate::numbers::{self, Estimate};

pub(super) fn section(evidence: &Evidence) -> Option<Section> {
    let columns = [
        "arm",
        "#unparsed",
        "against",
        "#unparsed there",
        "#effect, all problems",
        "#effect, parsed in both",
    ];
    let mut table = Table::new("Answers that could not be read", &columns);
    for arm in evidence.arms() {
        let Some(own) = unparsed(evidence, &arm) else {
            continue;
        };
        let control = evidence.control(&arm);
        let effect = |over| match &control {
            None => String::new(),
            Some(control) => {
                let effect = evidence.effect_over(over, &arm, control);
                Estimate::of_effect(&effect, 0.95).text()
            }
        };
        let there = control
            .as_ref()
            .and_then(|control| unparsed(evidence, control));
        table.row([
            arm.to_string(),
            numbers::percent(own),
            control
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            there.map(numbers::percent).unwrap_or_default(),
            effect(Over::All),
            effect(Over::ParsedInAll),
        ]);
    }
    if table.rows.is_empty() {
        return None;
    }
    let text = "An unparsed answer counts as not correct. Where the two effects agree, unlocking is no \
                change of format. Effects in points with 95% intervals over seeds.";
    let blocks = vec![Block::Text(text.into()), Block::Table(table)];
    Section::of("unparsed", "Unparsed answers", blocks)
}

/// Unparsed share of an arm's answers to the held-out problems, in percent, mean over seeds.
fn unparsed(evidence: &Evidence, arm: &ArmRef) -> Option<f64> {
    let share = evidence.of_seeds(arm, |trial| {
        let graded = trial.measure(HELD_OUT)?;
        Some(100.0 * graded.count(Grade::Unparsed) as f64 / graded.problems().max(1) as f64)
    });
    let seeds: Vec<f64> = share.into_values().collect();
    (!seeds.is_empty()).then(|| mean(&seeds))
}
