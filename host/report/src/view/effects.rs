//! All predicted effects in one picture.

use picklock_record::core_arms;
use picklock_stats::{Expectation, Margin, PredictionVerdict};

use super::claims::estimate;
use super::{Block, Section, Table, null_control};
use crate::effect::Effect;
use crate::evidence::{Evidence, mean};
use crate::figure::{Band, Chart, Figure, Forest, ForestRow};
use crate::judgement::{JudgedClaim, Report, word};
use crate::numbers;

pub(super) fn section(evidence: &Evidence, report: &Report) -> Option<Section> {
    let columns = [
        "hypothesis",
        "prediction",
        "verdict",
        "#effect in points (interval)",
        "#level, %",
        "#where it was predicted",
        "#each seed",
    ];
    let mut data = Table::new("Predicted effects", &columns);
    let mut rows = Vec::new();
    for claim in &report.claims {
        for (index, told) in claim.verdict.predictions.iter().enumerate() {
            let row = row(evidence, claim, index, told);
            data.row([
                claim.registration.name.clone(),
                told.name.clone(),
                word(told.verdict).to_string(),
                row.estimate.text(),
                level(&row),
                row.band.map(|band| band.text()).unwrap_or_default(),
                seeds(&row.seeds),
            ]);
            rows.push(row);
        }
    }
    if let Some(row) = null_control::row(evidence) {
        data.row([
            row.group.clone(),
            row.name.clone(),
            String::new(),
            row.estimate.text(),
            level(&row),
            "0".to_string(),
            seeds(&row.seeds),
        ]);
        rows.push(row);
    }
    let shown = rows.iter().filter(|row| row.estimate.points.is_some());
    let count = shown.count();
    if count == 0 {
        return None;
    }
    let figure = Figure {
        id: "all-effects".into(),
        title: "Every predicted effect, in percentage points".into(),
        alt: format!(
            "{count} effects with their intervals and seeds: {}",
            rows.iter().map(in_words).collect::<Vec<_>>().join("; ")
        ),
        note: "Dots are seeds, diamonds means over seeds, lines the intervals that decide (hollow: \
               descriptive). Shaded is where the pre-registration put the effect; a margin that is a share \
               of core's effect is drawn at core's mean, but tested seed by seed."
            .into(),
        chart: Chart::Forest(Forest { rows }),
        data,
    };
    Section::of("effects", "All effects", vec![Block::Figure(figure)])
}

fn in_words(row: &ForestRow) -> String {
    let text = row.estimate.text();
    match text.is_empty() {
        true => format!("{} without estimate", row.name),
        false => format!("{} {text}", row.name),
    }
}

fn level(row: &ForestRow) -> String {
    let interval = row.estimate.interval;
    interval.map_or_else(String::new, |interval| numbers::level(interval.level))
}

fn seeds(values: &[f64]) -> String {
    let texts: Vec<String> = values.iter().copied().map(numbers::points).collect();
    texts.join(", ")
}

fn row(
    evidence: &Evidence,
    claim: &JudgedClaim,
    index: usize,
    told: &PredictionVerdict,
) -> ForestRow {
    let effect = &claim.effects[index];
    ForestRow {
        group: claim.registration.name.clone(),
        name: told.name.clone(),
        confirmatory: told.confirmatory,
        estimate: estimate(effect, told),
        seeds: effect.values(),
        band: band(evidence, claim, index),
    }
}

/// Where the pre-registration puts an effect, in points.
fn band(evidence: &Evidence, claim: &JudgedClaim, index: usize) -> Option<Band> {
    let registration = &claim.registration;
    let prediction = &registration.predictions[index];
    let home = &registration.name;
    let average = |effect: &Effect| {
        let values = effect.values();
        (!values.is_empty()).then(|| mean(&values))
    };
    let points = |margin: Margin| match margin {
        Margin::Points(points) => Some(points),
        Margin::CoreShare(share) => {
            let core = registration.core.absolute(home);
            let core = average(&evidence.effect(&core, &core_arms().1))?;
            Some(share * core.max(0.0))
        }
    };
    let smallest = || points(registration.smallest_effect.into()).unwrap_or(0.0);
    let (low, high) = match prediction.expectation() {
        Expectation::Greater => (smallest(), f64::INFINITY),
        Expectation::Less => (f64::NEG_INFINITY, -smallest()),
        Expectation::Equivalent(margin) => (-points(margin)?, points(margin)?),
        Expectation::NonInferior(margin) => (-points(margin)?, f64::INFINITY),
        Expectation::RatioWithin { low, high } => {
            let full = average(&evidence.reference(home, prediction)?)?;
            (low * full, high * full)
        }
    };
    Some(Band { low, high })
}
