//! How an organism's models are made: trained from scratch or from a checkpoint, locked, sampled.

mod decoding_room;
mod interlude;
mod lock;
mod maker;
mod prompts;
mod training_set;
mod weak_answers;

use picklock_lm::Model;
use picklock_message::Result;
use picklock_record::Organism;
use picklock_task::Task;

pub use decoding_room::{AT_REST, DecodingRoom};
pub use lock::check_lock;
pub use maker::{Maker, distinct, padded};
pub use prompts::{Prompts, decode_prompts};
pub use training_set::{Row, TrainingSet};
pub use weak_answers::decode;

/// Checks that an organism is ready for a run: that its checkpoints are whole, and what its task needs.
///
/// # Errors
/// What is missing, or what the grader says.
pub fn check_ready(organism: &Organism, task: &dyn Task) -> Result<()> {
    for checkpoint in organism.checkpoints() {
        Model::check(&checkpoint.find()?)?;
    }
    organism.check_ready(task)
}
