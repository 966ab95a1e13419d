//! All predicted effects in one picture.

use picklock_stats::{Expectation, Margin};

use super::null_control;
use super::section::{Block, Section};
use crate::analysis::{Analysis, ClaimAnalysis, PredictionAnalysis};
use crate::figure::{Band, Chart, Figure, Forest, ForestRow};
use crate::numbers;
use crate::table::Table;

pub(super) fn section(analysis: &Analysis) -> Option<Section> {
    let columns = "hypothesis | prediction | verdict | #effect in points (interval) | #level, % | \
        #where it was predicted | #each seed";
    let mut data = Table::new("Predicted effects", columns);
    let mut rows = Vec::new();
    let mut add = |row: ForestRow, verdict: &str, band: String| {
        data.row([
            row.group.clone(),
            row.name.clone(),
            verdict.to_string(),
            row.estimate.text(),
            row.estimate.level_text(),
            band,
            seeds(&row.seeds),
        ]);
        rows.push(row);
    };
    for claim in &analysis.claims {
        for prediction in &claim.predictions {
            let row = row(claim, prediction);
            let band = row.band.map(|band| band.text()).unwrap_or_default();
            add(row, prediction.verdict.verdict.word(), band);
        }
    }
    if let Some(row) = null_control::row(analysis.evidence) {
        add(row, "", "0".to_string());
    }
    let count = rows
        .iter()
        .filter(|row| row.estimate.points.is_some())
        .count();
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
    if text.is_empty() {
        return format!("{} without estimate", row.name);
    }
    format!("{} {text}", row.name)
}

fn seeds(values: &[f64]) -> String {
    let texts: Vec<String> = values.iter().copied().map(numbers::points).collect();
    texts.join(", ")
}

fn row(claim: &ClaimAnalysis, prediction: &PredictionAnalysis) -> ForestRow {
    ForestRow {
        group: claim.registration.name.clone(),
        name: prediction.registered.name.clone(),
        confirmatory: prediction.registered.confirmatory,
        estimate: prediction.estimate(),
        seeds: prediction.compared.effect.values(),
        band: band(claim, prediction),
    }
}

/// Where the pre-registration puts an effect, in points.
fn band(claim: &ClaimAnalysis, prediction: &PredictionAnalysis) -> Option<Band> {
    let points = |margin: Margin| match margin {
        Margin::Points(points) => Some(points),
        Margin::CoreShare(share) => Some(share * claim.core.mean()?.max(0.0)),
    };
    let smallest = || points(claim.registration.smallest_effect.into()).unwrap_or(0.0);
    let (low, high) = match prediction.registered.expectation() {
        Expectation::Greater => (smallest(), f64::INFINITY),
        Expectation::Less => (f64::NEG_INFINITY, -smallest()),
        Expectation::Equivalent(margin) => (-points(margin)?, points(margin)?),
        Expectation::NonInferior(margin) => (-points(margin)?, f64::INFINITY),
        Expectation::RatioWithin { low, high } => {
            let full = prediction.compared.reference.as_ref()?.mean()?;
            (low * full, high * full)
        }
    };
    Some(Band { low, high })
}
