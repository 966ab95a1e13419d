//! Sensitivity checks beside each prediction's interval and p.

use super::{Block, Section, Table};
use crate::judgement::Report;
use crate::numbers;

pub(super) fn section(report: &Report) -> Option<Section> {
    let columns = [
        "hypothesis",
        "prediction",
        "generalises to",
        "#interval that decides",
        "#bootstrap",
        "#p that decides",
        "#sign flips",
        "#least p of sign flips",
        "#ratio (Fieller)",
    ];
    let mut table = Table::new("Other procedures' answers", &columns);
    for claim in &report.claims {
        for (index, told) in claim.verdict.predictions.iter().enumerate() {
            let (checks, judgement) = (&claim.checks[index], told.judgement.as_ref());
            let p = |p: Option<f64>| p.map(numbers::p).unwrap_or_default();
            let decides = judgement.map(picklock_stats::Judgement::interval);
            let interval = |ends: Option<picklock_stats::Interval>| {
                ends.map(|ends| numbers::interval(&ends))
                    .unwrap_or_default()
            };
            table.row([
                claim.registration.name.clone(),
                told.name.clone(),
                claim.generalises_to[index].clone(),
                interval(decides),
                interval(checks.bootstrap),
                p(judgement.and_then(|judgement| judgement.p)),
                p(checks.sign_flip.map(|test| test.p)),
                p(checks.sign_flip.map(|test| test.smallest)),
                checks
                    .ratio
                    .as_ref()
                    .map(numbers::ratio)
                    .unwrap_or_default(),
            ]);
        }
    }
    if table.rows.is_empty() {
        return None;
    }
    let text = "They decide nothing. The bootstrap takes seeds, their draws and their problems with \
                replacement (percentile-t); with few seeds it is too sure of itself. Sign flips need no \
                distribution, but under 6 seeds they can't reach 0.05: their least p is shown. Fieller's \
                interval is that of the ratio of means.";
    let blocks = vec![Block::Text(text.into()), Block::Table(table)];
    Section::of("checks", "Sensitivity checks", blocks)
}
