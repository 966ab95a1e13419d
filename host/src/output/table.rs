//! Columns of text.

/// Rows below a header as lines, their columns lined up: texts to the left, numbers to the right.
pub fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let is_number =
        |cell: &String| cell.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    lines(header, rows, |cells| cells.iter().all(is_number))
}

/// The same with all columns to the left.
pub fn text_table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    lines(header, rows, |_| false)
}

/// Lines of a table; `to_right` says it of a column by its cells below the header.
fn lines<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    to_right: impl Fn(&[String]) -> bool,
) -> String {
    let mut columns = header.map(|title| vec![title.to_string()]);
    for row in rows {
        columns
            .iter_mut()
            .zip(row)
            .for_each(|(column, cell)| column.push(cell));
    }
    for column in &mut columns {
        let width = column
            .iter()
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0);
        let to_right = to_right(&column[1..]);
        for cell in column {
            *cell = if to_right {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            };
        }
    }
    let line = |row: usize| {
        columns
            .each_ref()
            .map(|column| column[row].as_str())
            .join("  ")
    };
    let mut text = String::new();
    for row in 0..columns.first().map_or(0, Vec::len) {
        text += line(row).trim_end();
        text += "\n";
    }
    text
}
