//! Prompts: what turns text into tokens for a model, and tokens back into text.
//!
//! An [`Encoder`] is a tokenizer with its special tokens, from a Hugging Face folder or of a task's
//! own making, and a [`PromptSpec`]: what stands around a question, and where the password goes.
//! What questions are, and how answers are graded, is the task's.

mod chat;
mod encoder;
mod jinja;
mod json;
mod running;
mod small_file;
mod spec;
mod specials;
#[cfg(test)]
mod tests;
mod tokenizer_file;
mod wording;

pub use encoder::Encoder;
pub use spec::{Chat, Example, Password, Place, PromptSpec, Template};
pub use specials::Specials;
