//! What a run wrote: its CSV files, and all files of a folder.

use std::collections::BTreeMap;
use std::ops::Index;
use std::path::{Path, PathBuf};

/// A CSV file.
pub struct Table {
    /// Its first line.
    pub header: String,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// One row, indexed by a column's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(BTreeMap<String, String>);

impl Table {
    /// Reads a CSV file.
    ///
    /// # Panics
    /// Where it isn't there, or is none.
    pub fn read(path: &Path) -> Self {
        let failed = |error: csv::Error| panic!("{}: {error}", path.display());
        let mut reader = csv::Reader::from_path(path).unwrap_or_else(failed);
        let header = reader
            .headers()
            .unwrap_or_else(|_| panic!("no header"))
            .clone();
        let row = |record: csv::StringRecord| {
            let cells = header
                .iter()
                .map(String::from)
                .zip(record.iter().map(String::from));
            Row(cells.collect())
        };
        let records = reader
            .records()
            .map(|record| record.unwrap_or_else(|error| panic!("{error}")));
        let rows = records.map(row).collect();
        let header = header.iter().collect::<Vec<_>>().join(",");
        Self { header, rows }
    }

    /// The rows that have these values in these columns.
    pub fn with<'t>(&'t self, cells: &[(&str, &str)]) -> Vec<&'t Row> {
        let fits = |row: &&Row| cells.iter().all(|(column, value)| row[column] == **value);
        self.rows.iter().filter(fits).collect()
    }
}

impl Row {
    /// The number in a column.
    ///
    /// # Panics
    /// Where it holds none.
    pub fn number(&self, column: &str) -> f64 {
        let text = &self[column];
        text.parse()
            .unwrap_or_else(|_| panic!("{column} is {text:?} in {self:?}"))
    }
}

impl Index<&str> for Row {
    type Output = str;

    fn index(&self, column: &str) -> &str {
        let cell = self.0.get(column);
        cell.unwrap_or_else(|| panic!("no column {column} in {self:?}"))
    }
}

/// A run's CSV files, one after the other.
///
/// # Panics
/// Where one isn't there.
pub fn tables(run: &Path) -> String {
    let read = |name| std::fs::read_to_string(run.join(name)).expect("a CSV file of the run");
    ["trials.csv", "outcomes.csv", "summary.csv"]
        .map(read)
        .concat()
}

/// Every file below a folder, with its bytes.
///
/// # Panics
/// Where one can't be read.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("a file");
                files.insert(path, bytes);
            }
        }
    }
    files
}
