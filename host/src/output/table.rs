//! Tables on the terminal, as reports print them.

use picklock_report::{Align, columns};

/// Rows below a header as lines, their columns lined up: texts to the left, numbers to the right.
pub fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    lines(header, rows, Align::Numbers)
}

/// The same with all columns to the left.
pub fn text_table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    lines(header, rows, Align::Left)
}

fn lines<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    align: Align,
) -> String {
    let header = header.map(String::from);
    let rows: Vec<[String; N]> = std::iter::once(header).chain(rows).collect();
    columns(&rows, align)
}
