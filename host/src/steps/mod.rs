//! Single steps for exploring: one model, in this process, asked or scored.

mod generate;
mod input;
mod score;
mod subject;

pub use generate::{Answer, Generation, generate};
pub use input::{Line, Source};
pub use score::{Item, Scored, Windows, score};
pub use subject::{Opened, Subject};
