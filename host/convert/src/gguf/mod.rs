//! GGUF files, as llama.cpp writes them, become Hugging Face folders: weights, configuration,
//! tokenizer with its chat template.
//!
//! `header` and `file` read them, `dequantize` turns their numbers into floating-point ones; the rest
//! says which tensor is which parameter, and what the metadata means in Hugging Face's terms. How a
//! folder is written is `folder`'s.

mod config;
mod dequantize;
mod file;
mod header;
mod import;
mod metadata;
mod tensors;
#[cfg(test)]
mod tests;
mod tokenizer;
mod value;

pub use import::import;
