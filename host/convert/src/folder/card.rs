//! The `README.md` of a folder: what made it.

use std::fmt::{Display, Write};

/// A model card.
pub struct Card {
    title: String,
    license: Option<String>,
    lines: Vec<(String, String)>,
    text: Option<String>,
}

impl Card {
    /// A card with this title, and picklock's version.
    pub fn new(title: impl Into<String>) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_string();
        Self {
            title: title.into(),
            license: None,
            lines: vec![("made by".into(), format!("picklock {version}"))],
            text: None,
        }
    }

    /// Adds a line of the table.
    #[must_use]
    pub fn line(mut self, key: &str, value: impl Display) -> Self {
        self.lines.push((key.into(), format!("{value}")));
        self
    }

    /// Adds a paragraph below the table.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        let text = Some(text.into());
        Self { text, ..self }
    }

    /// Says under what licence the model is, as the Hub writes it.
    #[must_use]
    pub fn license(self, license: Option<&str>) -> Self {
        let license = license.map(|license| license.replace(['\n', '"'], " "));
        Self { license, ..self }
    }

    /// As Markdown, with the Hub's front matter.
    pub fn markdown(&self) -> String {
        let mut text = "---\nlibrary_name: transformers\n".to_string();
        // Writing to a string can't fail.
        if let Some(license) = &self.license {
            let _ = writeln!(text, "license: \"{license}\"");
        }
        let _ = writeln!(text, "---\n# {}\n\n| | |\n|---|---|", cell(&self.title));
        for (key, value) in &self.lines {
            let _ = writeln!(text, "| {} | {} |", cell(key), cell(value));
        }
        if let Some(below) = &self.text {
            let _ = writeln!(text, "\n{below}");
        }
        text
    }
}

/// A text that a line of a table holds.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_says_what_made_the_model() {
        let card = Card::new("tiny, locked")
            .license(Some("mit"))
            .line("seed", 3)
            .line("a|b", "c\nd");
        let expected = format!(
            "---\nlibrary_name: transformers\nlicense: \"mit\"\n---\n# tiny, locked\n\n| | |\n|---|---|\n\
             | made by | picklock {} |\n| seed | 3 |\n| a\\|b | c d |\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(card.markdown(), expected);
    }
}
