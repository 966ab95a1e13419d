//! The trait that a plugin implements.

use crate::{Arm, Lab, LabError};

/// An experiment: which arms it has, and what is done in one trial of an arm.
///
/// One instance serves all trials of a worker, several at once, each on a thread of its own: keep
/// a trial's state in local variables of [`Hypothesis::run`].
pub trait Hypothesis: Default + Send + Sync + 'static {
    /// The arms that this plugin can run, with every parameter and its default. The
    /// pre-registration file picks arms from these and may override their parameters.
    fn arms(&self) -> Vec<Arm>;

    /// One trial: `arm` at one seed and draw. What it wants reported it evaluates or records.
    ///
    /// # Errors
    /// An error ends this trial alone, and is reported as its reason.
    fn run(&self, lab: &mut Lab, arm: &Arm) -> Result<(), LabError>;
}
