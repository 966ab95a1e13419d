//! What a run ends with on the terminal: the arms, then the claims with their verdicts.

use std::fmt::Write;

use crate::view::{ClaimView, PredictionView, Table, View};

/// The tables, as text.
pub fn tables(view: &View) -> String {
    let mut text = format!("\n{}\n\n", view.facts.join("\n"));
    text += &aligned(&view.arms);
    for claim in &view.claims {
        text += &claim_text(claim);
    }
    text
}

/// A table with columns of equal width.
pub fn aligned(table: &Table) -> String {
    let header = table.columns.iter().map(|column| column.name.to_string());
    let rows: Vec<Vec<String>> = std::iter::once(header.collect())
        .chain(table.rows.iter().cloned())
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|c| width(c).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

fn claim_text(claim: &ClaimView) -> String {
    let exploratory = if claim.exploratory {
        ", exploratory"
    } else {
        ""
    };
    let mut text = format!(
        "\n{}: {}{exploratory}\n  \"{}\" ({})\n",
        claim.name,
        claim.verdict.to_uppercase(),
        claim.claim,
        claim.said_by,
    );
    // A claim that one prediction decides has that prediction's reason, which follows below.
    let told_below = |known: &PredictionView| claim.reason.ends_with(&known.reason);
    if !claim.predictions.iter().any(told_below) {
        // Writing to a string can't fail.
        let _ = writeln!(text, "  {}", claim.reason);
    }
    for prediction in &claim.predictions {
        let _ = writeln!(text, "  - {}", prediction.sentence());
    }
    let _ = writeln!(text, "  gate: {}", claim.gate);
    if !claim.deviations.is_empty() {
        let _ = writeln!(text, "  deviations: {}", claim.deviations.join("; "));
    }
    text
}
