//! The journal: what is written down. One compressed segment for each finished cohort, written
//! aside, synced and renamed, so that a segment is either there whole or not at all.

mod manifest;
mod segment;
mod soundness;

pub use manifest::{Environment, Geometry, LeftOut, Manifest, RunHypothesis, RunPlugin};
pub use segment::{Segment, Trial, holds, read, segments, set_aside, write};
