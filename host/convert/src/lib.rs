//! GGUF files in, Hugging Face folders out.

mod folder;
pub mod gguf;

pub use folder::{Card, NewFolder, export_folder, export_organism};
