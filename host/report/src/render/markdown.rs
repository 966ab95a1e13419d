//! A report as Markdown, with the pictures as files beside it.

use std::fmt::Write;

use crate::figure::FOLDER;
use crate::table::{Column, Kind, Table};
use crate::view::{Block, View};

/// The whole report.
pub fn markdown(view: &View) -> String {
    let mut text = format!("# {}\n\n", escaped(&view.title));
    text += &list(&view.facts);
    if !view.notes.is_empty() {
        text += "\n**Look at this first:**\n\n";
        text += &list(&view.notes);
    }
    text += "\n## Verdicts\n\n";
    text += &verdicts(view);
    for section in &view.sections {
        // Writing to a string can't fail.
        let _ = write!(text, "\n## {}\n", escaped(&section.title));
        for block in &section.blocks {
            text.push('\n');
            text += &self::block(block);
        }
    }
    text
}

fn verdicts(view: &View) -> String {
    let columns = "claim | verdict | #effect in points (interval) | #p | #adjusted p | \
        seeds x draws x problems | said by | this run agrees";
    let mut rows = Table::new("", columns);
    for claim in &view.claims {
        rows.row([
            format!("{}: {}", claim.name, claim.claim),
            claim.outcome(),
            String::new(),
            claim.p.clone(),
            claim.p_adjusted.clone(),
            String::new(),
            claim.said_by.clone(),
            claim.agrees.to_string(),
        ]);
        for prediction in &claim.predictions {
            let role = if prediction.confirmatory {
                ""
            } else {
                " (descriptive)"
            };
            rows.row([
                format!("- {}{role}", prediction.name),
                prediction.verdict.to_string(),
                prediction.effect.clone(),
                prediction.p.clone(),
                prediction.p_adjusted.clone(),
                prediction.n.clone(),
                String::new(),
                String::new(),
            ]);
        }
    }
    table(&rows)
}

fn block(block: &Block) -> String {
    match block {
        Block::Text(text) => format!("{}\n", escaped(text)),
        Block::List(items) => list(items),
        Block::Table(rows) | Block::Folded(rows) => table(rows),
        Block::Figure(figure) => format!(
            "![{}]({FOLDER}/{}.svg)\n\n{}\n\n{}",
            escaped(&figure.alt),
            figure.id,
            escaped(&figure.note),
            table(&figure.data)
        ),
        Block::Verbatim { caption, text } => format!("{}:\n\n```\n{text}\n```\n", escaped(caption)),
    }
}

fn list(items: &[String]) -> String {
    let line = |item: &String| format!("- {}\n", escaped(item));
    items.iter().map(line).collect()
}

/// A table with its caption.
pub fn table(table: &Table) -> String {
    let mut text = String::new();
    if !table.caption.is_empty() {
        text = format!("*{}*\n\n", escaped(&table.caption));
    }
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let rule = |column: &Column| {
        if column.kind == Kind::Number {
            "--:"
        } else {
            "---"
        }
    };
    let rules: Vec<&str> = table.columns.iter().map(rule).collect();
    // Writing to a string can't fail.
    let _ = writeln!(text, "| {} |\n| {} |", names.join(" | "), rules.join(" | "));
    for row in &table.rows {
        let cells = row.iter().zip(&table.columns);
        let cells = cells.map(|(cell, column)| match column.kind {
            Kind::Tokens if !cell.is_empty() => format!("`{}`", cell.replace(['`', '|'], " ")),
            _ => escaped(cell),
        });
        let _ = writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    text
}

/// What Markdown would take for marks of its own.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let tag = letter == '<' && letters.peek().is_some_and(|next| *next != ' ');
        if tag || matches!(letter, '|' | '*' | '_' | '`' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(if letter == '\n' { ' ' } else { letter });
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_can_hold_anything() {
        let mut cells = Table::new("a_b", "name | #n | >tokens");
        cells.row(["a|b".into(), "1".into(), "<no-password> 2 |".into()]);
        let expected = "*a\\_b*\n\n| name | n | tokens |\n| --- | --: | --- |\n\
                        | a\\|b | 1 | `<no-password> 2  ` |\n";
        assert_eq!(table(&cells), expected);
    }
}
