//! A section for each hypothesis: its claim, its arms, its curves.

use std::collections::BTreeSet;

use picklock_record::{ArmRef, Registration, RunHypothesis};
use picklock_sdk::HELD_OUT;

use super::claims::{ClaimView, PredictionView};
use super::{Block, Section, Table, curves};
use crate::evidence::{Evidence, mean};
use crate::figure::{ArmRow, Arms, Chart, Figure};
use crate::numbers::{self, Estimate};

/// One section for each hypothesis of the run, in the manifest's order.
pub(super) fn sections(evidence: &Evidence, claims: &[ClaimView]) -> Vec<Option<Section>> {
    let hypotheses = evidence.manifest.hypotheses.iter();
    hypotheses
        .map(|hypothesis| section(evidence, claims, hypothesis))
        .collect()
}

fn section(evidence: &Evidence, claims: &[ClaimView], run: &RunHypothesis) -> Option<Section> {
    let claim = claims.iter().find(|claim| claim.name == run.name);
    let mut blocks = Vec::new();
    match claim {
        Some(claim) => blocks.extend(told(claim)),
        None => blocks.push(Block::Text(
            "Not judged here: these arms ran because others compare with them.".into(),
        )),
    }
    blocks.extend(arms(evidence, run).map(Block::Figure));
    blocks.extend(
        curves::figures(evidence, run)
            .into_iter()
            .map(Block::Figure),
    );
    Section::of(format!("h-{}", run.name), run.name.clone(), blocks)
}

/// The claim, what came of it, and what was predicted.
fn told(claim: &ClaimView) -> Vec<Block> {
    let sentence = format!(
        "\u{201c}{}\u{201d} ({}; {})",
        claim.claim, claim.said_by, claim.source
    );
    let exploratory = if claim.exploratory {
        ", exploratory"
    } else {
        ""
    };
    let outcome = format!(
        "{}{exploratory}: {}.",
        claim.verdict.to_uppercase(),
        claim.reason
    );
    let predictions = claim.predictions.iter().map(PredictionView::sentence);
    vec![
        Block::Text(sentence),
        Block::Text(outcome),
        Block::List(predictions.collect()),
    ]
}

/// Each arm's accuracy beside what it is compared with, seed by seed.
fn arms(evidence: &Evidence, run: &RunHypothesis) -> Option<Figure> {
    let own = run.arms.iter().map(|arm| ArmRef::of(&run.name, arm.name()));
    let others = evidence
        .registration(&run.name)
        .map(|known| others(evidence, known));
    let columns = [
        "arm",
        "#accuracy (95% interval)",
        "against",
        "#its accuracy",
        "#each seed",
    ];
    let mut data = Table::new(format!("Accuracy of {}'s arms", run.name), &columns);
    let mut rows = Vec::new();
    for arm in others.into_iter().flatten().chain(own) {
        let seeds: Vec<f64> = evidence.accuracy(&arm, HELD_OUT).into_values().collect();
        if seeds.is_empty() {
            continue;
        }
        let of = |arm: &ArmRef| -> Option<f64> {
            let seeds: Vec<f64> = evidence.accuracy(arm, HELD_OUT).into_values().collect();
            (!seeds.is_empty()).then(|| mean(&seeds))
        };
        let control = evidence.control(&arm);
        let from = control.as_ref().and_then(of);
        let interval = Estimate::of(&seeds, 0.95).interval;
        let texts: Vec<String> = seeds.iter().copied().map(numbers::percent).collect();
        data.row([
            arm.to_string(),
            numbers::accuracy(mean(&seeds), interval.as_ref()),
            control
                .map(|control| control.to_string())
                .unwrap_or_default(),
            from.map(numbers::percent).unwrap_or_default(),
            texts.join(", "),
        ]);
        let foreign = arm.hypothesis.as_deref() != Some(&run.name);
        rows.push(ArmRow {
            name: if foreign {
                arm.to_string()
            } else {
                arm.arm.clone()
            },
            foreign,
            accuracy: mean(&seeds),
            interval,
            from,
            seeds,
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

/// The arms of other hypotheses that this one compares with, each once, in the run's order.
fn others(evidence: &Evidence, registration: &Registration) -> Vec<ArmRef> {
    let home = &registration.name;
    let named = registration
        .predictions
        .iter()
        .flat_map(|prediction| prediction.arms());
    let controls = registration
        .arms
        .iter()
        .filter_map(|arm| arm.control.as_ref());
    let core = [&registration.core];
    let named = named
        .chain(controls)
        .chain(core)
        .map(|arm| arm.absolute(home));
    let wanted: BTreeSet<ArmRef> = named.collect();
    let foreign = |arm: &ArmRef| arm.hypothesis.as_deref() != Some(home) && wanted.contains(arm);
    evidence.arms().into_iter().filter(foreign).collect()
}
