//! What every operation on a stack of models works with; each kind of operation is a file of its own.

use picklock_task::Task;

use crate::making::Maker;
use crate::questions::QuestionCache;
use crate::residence::Residence;

/// Performs operations on stacks of models.
#[derive(Clone, Copy)]
pub struct Operations<'a> {
    /// The organism, its task and its random streams.
    pub maker: &'a Maker<'a>,
    /// Where the models are.
    pub residence: &'a Residence,
    /// The questions that models have been asked.
    pub questions: &'a QuestionCache,
}

impl<'a> Operations<'a> {
    /// The organism's task.
    pub fn task(&self) -> &'a dyn Task {
        self.maker.task
    }
}
