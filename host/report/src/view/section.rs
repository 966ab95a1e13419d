//! Sections: the parts of a report, and what stands in them.

use crate::figure::Figure;
use crate::table::Table;

/// A part of a report.
pub struct Section {
    /// Its name within the page.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// What stands in a section.
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A list.
    List(Vec<String>),
    /// A table.
    Table(Table),
    /// A table that is folded away where that can be done.
    Folded(Table),
    /// A picture.
    Figure(Figure),
    /// Text to be kept as it is: a command, a file.
    Verbatim {
        /// What it is.
        caption: String,
        /// The text.
        text: String,
    },
}

impl Section {
    /// A section; none where nothing stands in it.
    pub fn of(id: impl Into<String>, title: impl Into<String>, blocks: Vec<Block>) -> Option<Self> {
        let section = Self {
            id: id.into(),
            title: title.into(),
            blocks,
        };
        (!section.blocks.is_empty()).then_some(section)
    }

    /// A section of a text and a table; none where the table has no rows.
    pub fn of_table(id: &str, title: &str, text: &str, table: Table) -> Option<Self> {
        if table.rows.is_empty() {
            return None;
        }
        Self::of(
            id,
            title,
            vec![Block::Text(text.into()), Block::Table(table)],
        )
    }
}
