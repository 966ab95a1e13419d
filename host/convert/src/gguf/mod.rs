//! GGUF files, as llama.cpp writes them, become Hugging Face folders: weights, configuration,
//! tokenizer with its chat template.
//!
//! candle reads them and turns quantised numbers into floating-point ones. What is here says which
//! tensor is which parameter, and what the metadata means in Hugging Face's terms; how a folder is
//! written is `checkpoint`'s.

mod config;
mod file;
mod header;
mod import;
mod metadata;
mod tensors;
#[cfg(test)]
mod tests;
mod tokenizer;

pub use import::import;

