//! Tables of texts, as views hold them and renderers show them.

/// A table of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each as long as the columns.
    pub rows: Vec<Vec<String>>,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub name: &'static str,
    /// What its cells are.
    pub kind: Kind,
}

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    Word,
    /// A number, set so that digits stand below each other.
    Number,
    /// What a model was asked or answered, token by token.
    Tokens,
}

impl Table {
    /// A table without rows; headings are parted by ` | `, those of numbers start with `#`, those of
    /// tokens with `>`.
    pub fn new(caption: impl Into<String>, columns: &'static str) -> Self {
        let column = |name: &'static str| {
            let (kind, name) = match (name.strip_prefix('#'), name.strip_prefix('>')) {
                (Some(name), _) => (Kind::Number, name),
                (_, Some(name)) => (Kind::Tokens, name),
                _ => (Kind::Word, name),
            };
            Column { name, kind }
        };
        Self {
            caption: caption.into(),
            columns: columns.split(" | ").map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.columns.len(), "{}", self.caption);
        self.rows.push(cells.into());
    }
}
