//! The problems that a seed is asked.

use picklock_message::Result;
use picklock_sdk::Split;
use picklock_task::{Part, Problem, Task};

use super::spec::Organism;
use super::streams::Streams;

impl Organism {
    /// The problems that a seed is asked: its own, or those of all seeds where the organism shares them.
    ///
    /// # Errors
    /// Where there aren't so many.
    pub fn problems(
        &self,
        task: &dyn Task,
        streams: Streams,
        seed: u32,
        split: Split,
    ) -> Result<Vec<Problem>> {
        let sizes = self.problems;
        let (part, count) = match split {
            Split::HeldOut => (Part::HeldOut, sizes.held_out),
            Split::Validation => (Part::Validation, sizes.validation),
        };
        let part_name = format!("{part:?}");
        let mut rng = match sizes.shared {
            true => streams.rng(&[&"problems", &part_name]),
            false => streams.rng(&[&"problems", &part_name, &seed]),
        };
        task.draw(part, count as usize, &mut rng)
    }
}
