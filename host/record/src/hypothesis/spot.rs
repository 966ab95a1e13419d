//! A place in a TOML file, named by the keys that lead there.

use picklock_files::toml_file::place;
use toml::de::{DeTable, DeValue};

/// The way to a place: from the file's top through tables by key and through lists by number.
#[derive(Clone, Debug, Default)]
pub struct Spot(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Item(usize),
}

impl Spot {
    /// A key of the table at this place.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.0.push(Step::Key(key.to_string()));
        self
    }

    /// An item of the list at this place, from 0.
    #[must_use]
    pub fn item(mut self, index: usize) -> Self {
        self.0.push(Step::Item(index));
        self
    }

    /// Line and column, both from 1, of the key or item in `text`; of the last step that is there
    /// where not all are.
    pub fn find(&self, text: &str) -> (usize, usize) {
        let Ok(document) = DeTable::parse(text) else {
            return (1, 1);
        };
        let mut offset = 0;
        let top = DeValue::Table(document.into_inner());
        let mut here = &top;
        for step in &self.0 {
            let found = match (step, here) {
                (Step::Key(key), DeValue::Table(table)) => {
                    let mut entries = table.iter();
                    let entry = entries.find(|(name, _)| name.get_ref() == key);
                    entry.map(|(name, value)| (name.span().start, value))
                }
                (Step::Item(index), DeValue::Array(items)) => {
                    items.get(*index).map(|item| (item.span().start, item))
                }
                _ => None,
            };
            let Some((start, value)) = found else { break };
            offset = start;
            here = value.get_ref();
        }
        place(text, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a comment\nalpha = 1\nleast = { seeds = 0 }\n\n\
                        [[arms]]\nname = \"a\"\n[[arms]]\n  name = \"b\"\nlist = [\"é\", \"c\"]\n";

    #[test]
    fn keys_and_items_are_found_to_the_column() {
        let top = Spot::default;
        assert_eq!(top().key("alpha").find(TEXT), (2, 1));
        assert_eq!(top().key("least").key("seeds").find(TEXT), (3, 11));
        assert_eq!(top().key("arms").item(1).key("name").find(TEXT), (8, 3));
        assert_eq!(top().key("arms").item(1).find(TEXT), (7, 1));
        let list = top().key("arms").item(1).key("list");
        assert_eq!(list.clone().item(1).find(TEXT), (9, 14));
        assert_eq!(list.key("none").find(TEXT), (9, 1));
        assert_eq!(top().key("none").find(TEXT), (1, 1));
    }
}
