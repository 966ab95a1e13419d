//! What several commands print: tables, JSON, accuracies, what weights were written.

mod accuracy;
mod json;
mod table;
mod weights;

pub use accuracy::{accuracies, answers};
pub use json::{pretty, print};
pub use table::{table, text_table};
pub use weights::weights;
