//! Whether an organism's task is ready for a run: what would stop it once models are trained is found
//! before that.

use picklock_message::{Error, Result};
use picklock_task::{Part, Task};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::spec::{Labels, Organism};

impl Organism {
    /// Checks that the data has problems enough, that the grader grades an
    /// answer, and that labels can be soft where they are to be.
    ///
    /// # Errors
    /// What is missing, or what the grader says.
    pub fn check_ready(&self, task: &dyn Task) -> Result<()> {
        self.readiness(task).map_err(|error| self.named(error))
    }

    fn readiness(&self, task: &dyn Task) -> Result<()> {
        if let Some(lock) = &self.lock
            && lock.labels == Labels::Soft
        {
            check_soft_labels(task)?;
        }
        if task.stock(Part::HeldOut).is_none() {
            return Ok(());
        }
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        if self.lock.is_some() {
            task.draw(Part::Training, 1, &mut rng)?;
        }
        task.draw(
            Part::Validation,
            self.problems.validation as usize,
            &mut rng,
        )?;
        let judged = task.draw(Part::HeldOut, self.problems.held_out as usize, &mut rng)?;
        if let Some(problem) = judged.first() {
            task.grade(problem, &problem.answer)?;
        }
        Ok(())
    }
}

/// Checks that base and weak model have one tokenizer, so that the distributions of one can be the
/// labels of the other.
///
/// # Errors
/// Where they have two.
pub fn check_soft_labels(task: &dyn Task) -> Result<()> {
    match task.shares_tokens() {
        true => Ok(()),
        false => Err(Error::Usage(
            "soft labels need one tokenizer, and base and weak model have different ones; lock with \
             labels = \"sampled\" or \"hard\""
                .into(),
        )),
    }
}
