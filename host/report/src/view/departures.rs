//! Departures from the pre-registration, and what is wrong with the run's folder.

use picklock_record::Outcome;

use super::{Block, Section, Table};
use crate::evidence::Evidence;
use crate::judgement::Report;

pub(super) fn section(evidence: &Evidence, report: &Report, changed: &[String]) -> Option<Section> {
    let mut blocks = Vec::new();
    let claims = report.claims.iter().flat_map(|claim| {
        let name = &claim.registration.name;
        let deviations = claim.verdict.deviations.iter();
        deviations.map(move |deviation| format!("{name}: {deviation}"))
    });
    let changed = changed.iter().map(|name| {
        format!("{name}: its file has changed since this run began; judged by the run's copy")
    });
    let all: Vec<String> = claims.chain(changed).collect();
    blocks.push(match all.is_empty() {
        true => Block::Text("None: seeds, draws, problems and files are as registered.".into()),
        false => Block::List(all),
    });
    if !evidence.notes.is_empty() {
        blocks.push(Block::Text("Of the run's folder:".into()));
        blocks.push(Block::List(evidence.notes.clone()));
    }
    let failed = failures(evidence);
    if !failed.rows.is_empty() {
        blocks.push(Block::Table(failed));
    }
    Section::of("deviations", "Deviations from the pre-registration", blocks)
}

fn failures(evidence: &Evidence) -> Table {
    let mut table = Table::new("Trials that failed", &["arm", "seed", "draw", "reason"]);
    for arm in evidence.arms() {
        for trial in evidence.trials(&arm) {
            if let Outcome::Failed { reason } = &trial.outcome {
                table.row([
                    arm.to_string(),
                    trial.member.seed.to_string(),
                    trial.member.draw.to_string(),
                    reason.clone(),
                ]);
            }
        }
    }
    table
}
