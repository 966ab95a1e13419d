//! A section for each hypothesis: its claim, its arms, its curves.

use std::collections::BTreeSet;

use picklock_record::{ArmRef, Prediction, Registration, RunHypothesis};

use super::claims::{ClaimView, PredictionView};
use super::curves;
use super::section::{Block, Section};
use crate::analysis::Analysis;
use crate::evidence::arms_of;
use crate::figure::{ArmRow, Arms, Chart, Figure};
use crate::numbers::{self, Estimate};
use crate::table::Table;

/// One section for each hypothesis of the run, in the manifest's order.
pub(super) fn sections(analysis: &Analysis, claims: &[ClaimView]) -> Vec<Option<Section>> {
    let hypotheses = analysis.evidence.manifest.hypotheses.iter();
    hypotheses
        .map(|hypothesis| section(analysis, claims, hypothesis))
        .collect()
}

fn section(analysis: &Analysis, claims: &[ClaimView], run: &RunHypothesis) -> Option<Section> {
    let mut blocks = match claims.iter().find(|claim| claim.name == run.name) {
        Some(claim) => claim_blocks(claim),
        None => vec![Block::Text(
            "Not judged here: these arms ran because others compare with them.".into(),
        )],
    };
    let figures = arms(analysis, run)
        .into_iter()
        .chain(curves::figures(analysis, run));
    blocks.extend(figures.map(Block::Figure));
    Section::of(format!("h-{}", run.name), run.name.clone(), blocks)
}

/// The claim, what came of it, and what was predicted.
fn claim_blocks(claim: &ClaimView) -> Vec<Block> {
    let sentence = format!(
        "\u{201c}{}\u{201d} ({}; {})",
        claim.claim, claim.said_by, claim.source
    );
    let outcome = format!("{}: {}.", claim.outcome(), claim.reason);
    let predictions = claim.predictions.iter().map(PredictionView::sentence);
    vec![
        Block::Text(sentence),
        Block::Text(outcome),
        Block::List(predictions.collect()),
    ]
}

/// Each arm's accuracy beside what it is compared with, seed by seed.
fn arms(analysis: &Analysis, run: &RunHypothesis) -> Option<Figure> {
    let registration = analysis.evidence.registration(&run.name);
    let wanted = registration.map(compared_arms).unwrap_or_default();
    let is_own = |arm: &ArmRef| arm.hypothesis.as_deref() == Some(&run.name);
    let others = analysis.arms.iter();
    let others = others.filter(|known| !is_own(&known.arm) && wanted.contains(&known.arm));
    let own = arms_of(run).filter_map(|arm| analysis.arm(&arm));
    let columns = "arm | #accuracy (95% interval) | against | #its accuracy | #each seed";
    let mut data = Table::new(format!("Accuracy of {}'s arms", run.name), columns);
    let mut rows = Vec::new();
    for known in others.chain(own) {
        let Some(accuracy) = known.accuracy else {
            continue;
        };
        let (arm, foreign) = (&known.arm, !is_own(&known.arm));
        let from = known
            .control
            .as_ref()
            .and_then(|control| analysis.accuracy(control));
        let interval = Estimate::of(&known.seeds, 0.95).interval;
        let texts: Vec<String> = known.seeds.iter().copied().map(numbers::percent).collect();
        data.row([
            arm.to_string(),
            numbers::accuracy(accuracy, interval.as_ref()),
            known.control_text(),
            from.map(numbers::percent).unwrap_or_default(),
            texts.join(", "),
        ]);
        rows.push(ArmRow {
            name: if foreign {
                arm.to_string()
            } else {
                arm.arm.clone()
            },
            foreign,
            accuracy,
            interval,
            from,
            seeds: known.seeds.clone(),
        });
    }
    let described = rows
        .iter()
        .map(|row| format!("{} {}", row.name, numbers::percent(row.accuracy)));
    let alt = format!(
        "Accuracy of each arm: {}",
        described.collect::<Vec<_>>().join(", ")
    );
    (!rows.is_empty()).then(|| Figure {
        id: format!("{}-arms", run.name),
        title: format!("{}: accuracy of each arm on held-out problems", run.name),
        alt,
        note: "Filled: mean over seeds with its 95% interval; small dots: seeds; hollow: what the arm is \
               compared with, mostly the model that it started from. Grey: arms of other hypotheses."
            .into(),
        chart: Chart::Arms(Arms { rows }),
        data,
    })
}

/// The arms that a hypothesis compares with.
fn compared_arms(registration: &Registration) -> BTreeSet<ArmRef> {
    let named = registration.predictions.iter().flat_map(Prediction::arms);
    let controls = registration
        .arms
        .iter()
        .filter_map(|arm| arm.control.as_ref());
    let all = named.chain(controls).chain([&registration.core]);
    all.map(|arm| arm.absolute(&registration.name)).collect()
}
