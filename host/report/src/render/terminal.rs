//! What a run ends with on the terminal: the arms, then the claims with their verdicts.

use std::fmt::Write;

use crate::table::Table;
use crate::view::{ClaimView, PredictionView, View};

/// The tables, as text.
pub fn tables(view: &View) -> String {
    let mut text = format!("\n{}\n\n", view.facts.join("\n"));
    text += &aligned(&view.arms);
    for claim in &view.claims {
        text += &claim_text(claim);
    }
    text
}

/// A table, its columns lined up to the left.
pub fn aligned(table: &Table) -> String {
    let header = table.columns.iter().map(|column| column.name.to_string());
    let mut rows = vec![header.collect::<Vec<String>>()];
    rows.extend(table.rows.iter().cloned());
    columns(&rows, Align::Left)
}

/// To which side the columns of a table are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// All to the left.
    Left,
    /// Columns that below their heading hold numbers alone to the right.
    Numbers,
}

/// Rows as lines, their columns lined up; the first row is the heading.
pub fn columns<R: AsRef<[String]>>(rows: &[R], align: Align) -> String {
    let is_number =
        |cell: &String| cell.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    let count = rows.first().map_or(0, |row| row.as_ref().len());
    let shape = |column: usize| {
        let cells = || rows.iter().map(move |row| &row.as_ref()[column]);
        let right = align == Align::Numbers && cells().skip(1).all(is_number);
        (
            cells().map(|cell| cell.chars().count()).max().unwrap_or(0),
            right,
        )
    };
    let shapes: Vec<(usize, bool)> = (0..count).map(shape).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.as_ref().iter().zip(&shapes);
        let cells = cells.map(|(cell, &(width, right))| {
            if right {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

fn claim_text(claim: &ClaimView) -> String {
    let mut text = format!(
        "\n{}: {}\n  \"{}\" ({})\n",
        claim.name,
        claim.outcome(),
        claim.claim,
        claim.said_by,
    );
    // A claim that one prediction decides has that prediction's reason, which follows below.
    let is_below = |known: &PredictionView| claim.reason.ends_with(&known.reason);
    if !claim.predictions.iter().any(is_below) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_numbers_can_be_set_to_the_right() {
        let rows = [["a", "b"], ["word", "1"], ["", "-10"]].map(|row| row.map(String::from));
        assert_eq!(columns(&rows, Align::Left), "a     b\nword  1\n      -10\n");
        assert_eq!(
            columns(&rows, Align::Numbers),
            "a       b\nword    1\n      -10\n"
        );
    }
}
