//! Arguments that several commands share.

pub mod dtype;
pub mod experiment;
pub mod model;
pub mod number;
pub mod prompt;
pub mod seed;
pub mod subject;
