//! A page, looked at as text: its tags, headings and tables.

use std::path::Path;

/// An HTML page.
pub struct Page {
    /// All of it.
    pub html: String,
    /// What is to be read, with the marks taken out.
    pub text: String,
}

/// An opening tag.
pub struct Tag<'p> {
    /// `figure id="effects"`.
    pub text: &'p str,
}

impl Page {
    /// Reads a page.
    ///
    /// # Panics
    /// Where it isn't there.
    pub fn read(path: &Path) -> Self {
        let html = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = plain(&html);
        Self { html, text }
    }

    /// Every opening tag of this name.
    pub fn all(&self, name: &str) -> Vec<Tag<'_>> {
        let tags = self.html.split('<').filter_map(|part| part.split_once('>'));
        let named = tags.filter(|(tag, _)| tag.split([' ', '/']).next() == Some(name));
        named.map(|(text, _)| Tag { text }).collect()
    }

    /// Every value of an attribute.
    pub fn attributes(&self, name: &str) -> Vec<&str> {
        let start = format!(" {name}=\"");
        let values = self.html.split(&start).skip(1);
        values.filter_map(|rest| rest.split('"').next()).collect()
    }

    /// The sections' headings.
    pub fn headings(&self) -> Vec<String> {
        let parts = self.html.split("<h2>").skip(1);
        parts
            .filter_map(|part| Some(plain(part.split_once("</h2>")?.0)))
            .collect()
    }

    /// The rows of the first table in the section of this id, a text for each cell.
    ///
    /// # Panics
    /// Where there is no such section.
    pub fn rows(&self, section: &str) -> Vec<Vec<String>> {
        let start = format!("<section id=\"{section}\">");
        let (_, rest) = self.html.split_once(&start).expect("a section of this id");
        let table = rest.split("</table>").next().unwrap_or_default();
        let rows = table.split("<tr").skip(1);
        let cells = |row: &str| {
            let cells = row
                .split("<t")
                .skip(1)
                .filter_map(|cell| cell.split_once('>'));
            cells.map(|(_, cell)| plain(cell)).collect()
        };
        rows.map(cells).collect()
    }
}

impl<'p> Tag<'p> {
    /// The value of an attribute.
    ///
    /// # Panics
    /// Where it has none of this name.
    pub fn attribute(&self, name: &str) -> &'p str {
        let start = format!(" {name}=\"");
        let value = self
            .text
            .split_once(&start)
            .and_then(|(_, rest)| rest.split('"').next());
        value.unwrap_or_else(|| panic!("no {name} in <{}>", self.text))
    }
}

/// A text without tags.
fn plain(html: &str) -> String {
    let mut text = String::new();
    for (index, part) in html.split('<').enumerate() {
        text += match (index, part.split_once('>')) {
            (0, _) => part,
            (_, Some((_, after))) => after,
            (_, None) => "",
        };
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}
