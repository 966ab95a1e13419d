//! Model families as data: configurations, parameters, plans of their parts, memory.
//!
//! Nothing here computes: a [`Plan`] says what a decoder is made of, and `picklock-lm` runs it. A
//! family is one file, with its configuration and its plan, a `mod` line here, and a line in the list
//! of `architecture.rs`.

mod architecture;
mod error;
mod family;
mod fields;
mod file;
mod footprint;
mod gpt2;
mod gpt_neox;
mod llama;
mod mistral;
mod parameter;
mod plan;
mod qwen2;
mod rope;
mod shape;
mod sizes;
mod stablelm;

pub use architecture::*;
pub use error::{Error, Result};
pub use file::{open_file, read_small};
pub use footprint::{Footprint, PROMPT_TOKENS};
pub use parameter::{Parameter, Role};
pub use plan::{
    AttentionPlan, BlockPlan, Fusion, Gelu, HeadNormsPlan, Inputs, LinearPlan, MlpPlan, NormKind,
    NormPlan, Plan, Positions, ProjectionPlan,
};
pub use rope::{Rope, Scaling};
pub use shape::Shape;
pub use sizes::Sizes;
