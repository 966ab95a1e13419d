//! Renderers: one view as a page, as Markdown, or as what a terminal shows; and the analysis as CSV.

pub mod csv;
mod html;
mod markdown;
mod terminal;

pub use html::page;
pub use markdown::{markdown, table as markdown_table};
pub use terminal::{Align, aligned, columns, tables};
