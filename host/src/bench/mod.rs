//! How fast this machine runs what picklock does: one figure after the other, each beside a floor
//! that the machine's own ceilings set.
//!
//! Weights are random, since speed doesn't depend on them, but for checkpoints that are to be loaded.
//! Shapes are those of checkpoints of the field; an organism's are its base model's, unlocked in a
//! stack.

mod decoding;
mod figure;
mod loading;
mod machine;
mod organism;
mod resident;
mod unlocking;

use std::path::PathBuf;

use picklock_family::Shape;
use picklock_lm::{Device, Model, runtime};
use picklock_message::Result;
use picklock_record::Organism;

pub use figure::Figure;
use machine::{Machine, Report};

/// What is to be measured.
pub struct Request<'a> {
    /// Shapes of checkpoints.
    pub shapes: &'a [Shape],
    /// An organism, and how many unlocks of it run in one stack.
    pub organism: Option<(&'a Organism, u32)>,
    /// Folders of checkpoints to load.
    pub folders: &'a [PathBuf],
    /// Where.
    pub device: Device,
}

/// Measures.
///
/// # Errors
/// Where the device refuses, or `report` does; a figure for which there is too little memory says so
/// instead.
pub fn measure(request: &Request, report: Report) -> Result<()> {
    let device = request.device;
    for folder in request.folders {
        Model::stored_bytes(folder)?;
    }
    let machine = &mut Machine::measured(device, report)?;
    for shape in request.shapes {
        unlocking::measure(*shape, machine)?;
        runtime::empty_cache(device)?;
        decoding::measure(*shape, machine)?;
        runtime::empty_cache(device)?;
    }
    for folder in request.folders {
        loading::measure(folder, machine)?;
        runtime::empty_cache(device)?;
    }
    match request.organism {
        Some((organism, stack)) => organism::measure(organism, stack, machine),
        None => Ok(()),
    }
}
