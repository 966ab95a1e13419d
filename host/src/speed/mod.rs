//! How fast this machine runs what picklock does: one figure after the other, each beside a floor
//! that the machine's own ceilings set.
//!
//! Weights are random, since speed doesn't depend on them, but for checkpoints that are to be loaded.
//! Shapes are those of checkpoints of the field; an organism's are its base model's, unlocked in a
//! stack.

mod ceiling;
mod decoding;
mod figure;
mod loading;
mod organism;
mod resident;
mod unlocking;

use std::ops::ControlFlow;
use std::path::PathBuf;

use picklock_family::Shape;
use picklock_lm::{Device, Model, runtime};
use picklock_message::Result;

pub use figure::Figure;

/// What is to be measured.
pub struct Request<'a> {
    /// Shapes of checkpoints.
    pub shapes: &'a [Shape],
    /// An organism, and how many unlocks of it run in one stack.
    pub organism: Option<(&'a picklock_record::Organism, u32)>,
    /// Folders of checkpoints to load.
    pub folders: &'a [PathBuf],
    /// Where.
    pub device: Device,
}

/// Told of each figure as it comes; may stop.
pub type Tell<'a> = &'a mut dyn FnMut(&Figure) -> ControlFlow<()>;

/// Measures.
///
/// # Errors
/// Where the device refuses; a figure for which there is too little memory says so instead.
pub fn measure(request: &Request, tell: Tell) -> Result<()> {
    let device = request.device;
    for folder in request.folders {
        Model::stored_bytes(folder)?;
    }
    let (ceilings, figures) = ceiling::measure(device)?;
    for figure in &figures {
        if tell(figure).is_break() {
            return Ok(());
        }
    }
    for shape in request.shapes {
        let step = unlocking::measure(*shape, device, &ceilings, tell)?;
        runtime::empty_cache(device)?;
        if step.is_break() || decoding::measure(*shape, device, &ceilings, tell)?.is_break() {
            return Ok(());
        }
        runtime::empty_cache(device)?;
    }
    for folder in request.folders {
        if loading::measure(folder, device, &ceilings, tell)?.is_break() {
            return Ok(());
        }
        runtime::empty_cache(device)?;
    }
    if let Some((organism, stack)) = request.organism {
        let _ = organism::measure(organism, stack, device, &ceilings, tell)?;
    }
    Ok(())
}
