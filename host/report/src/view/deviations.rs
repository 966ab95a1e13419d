//! Deviations from the pre-registration, and what is wrong with the run's folder.

use super::section::{Block, Section};
use crate::analysis::Analysis;
use crate::table::Table;

pub(super) fn section(analysis: &Analysis, changed: &[String]) -> Option<Section> {
    let claims = analysis.claims.iter().flat_map(|claim| {
        let deviations = claim.verdict.deviations.iter();
        deviations.map(|deviation| format!("{}: {deviation}", claim.registration.name))
    });
    let changed = changed.iter().map(|name| {
        format!("{name}: its file has changed since this run began; judged by the run's copy")
    });
    let all: Vec<String> = claims.chain(changed).collect();
    let mut blocks = vec![if all.is_empty() {
        Block::Text("None: seeds, draws, problems and files are as registered.".into())
    } else {
        Block::List(all)
    }];
    let notes = &analysis.evidence.notes;
    if !notes.is_empty() {
        blocks.push(Block::Text("Of the run's folder:".into()));
        blocks.push(Block::List(notes.clone()));
    }
    let mut failed = Table::new("Trials that failed", "arm | seed | draw | reason");
    for (arm, member, reason) in analysis.evidence.failures() {
        let [seed, draw] = [member.seed, member.draw].map(|number| number.to_string());
        failed.row([arm.to_string(), seed, draw, reason.to_string()]);
    }
    if !failed.rows.is_empty() {
        blocks.push(Block::Table(failed));
    }
    Section::of("deviations", "Deviations from the pre-registration", blocks)
}
