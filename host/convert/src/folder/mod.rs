//! Hugging Face folders that picklock writes, whole or not at all: weights, configuration,
//! tokenizer, and a card that says what made them.

mod card;
mod export;
mod new_folder;

pub use card::Card;
pub use export::{Exported, described, export_folder, export_organism};
pub use new_folder::NewFolder;
