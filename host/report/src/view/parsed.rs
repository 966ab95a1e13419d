//! Unparsed answers by arm, and effects among problems parsed in both arms: a change of format must
//! not pass for unlocking.

use super::section::Section;
use crate::analysis::Analysis;
use crate::numbers;
use crate::table::Table;

pub(super) fn section(analysis: &Analysis) -> Option<Section> {
    let columns = "arm | #unparsed | against | #unparsed there | #effect, all problems | \
        #effect, parsed in both";
    let mut table = Table::new("Answers that could not be read", columns);
    for known in &analysis.arms {
        let Some(own) = known.unparsed else { continue };
        let control = known
            .control
            .as_ref()
            .and_then(|control| analysis.arm(control));
        let there = control.and_then(|control| control.unparsed);
        table.row([
            known.arm.to_string(),
            numbers::percent(own),
            known.control_text(),
            there.map(numbers::percent).unwrap_or_default(),
            known.effect.text(),
            known.parsed_effect.text(),
        ]);
    }
    let text = "An unparsed answer counts as not correct. Where the two effects agree, unlocking is no \
                change of format. Effects in points with 95% intervals over seeds.";
    Section::of_table("unparsed", "Unparsed answers", text, table)
}
