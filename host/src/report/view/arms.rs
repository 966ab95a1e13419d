//! Every arm's accuracy, and its effect over what it is compared with.

use picklock_sdk::HELD_OUT;

use super::{Block, Section, Table};
use crate::report::evidence::{Evidence, mean};
use crate::report::numbers::{self, Estimate};

/// One row for each arm that answered the held-out problems.
pub fn table(evidence: &Evidence) -> Table {
    let columns = [
        "arm",
        "#accuracy",
        "against",
        "#effect in points (95% interval)",
        "#p",
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
            numbers::percent(mean(&accuracy)),
            control.map(|c| c.to_string()).unwrap_or_default(),
            effect.text(),
            effect.p_text(),
        ]);
    }
    table
}

pub(super) fn section(evidence: &Evidence) -> Option<Section> {
    let text = "Each arm on the held-out problems, without password unless its name says so, greedy \
                decoding. Effects are paired by seed, draw and problem; p is two-sided against 0 and not \
                corrected for the number of arms.";
    let blocks = vec![Block::Text(text.into()), Block::Table(table(evidence))];
    Section::of("arms", "Every arm", blocks)
}
