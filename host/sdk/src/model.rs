//! A handle to a model that the host holds.

use std::rc::Rc;

use crate::abi::LabBox;
use crate::{ModelId, Request};

/// A model that the host holds for this trial; dropping the handle gives it back.
pub struct Model {
    id: ModelId,
    lab: Rc<LabBox>,
}

impl Model {
    pub(crate) fn new(id: ModelId, lab: Rc<LabBox>) -> Self {
        Self { id, lab }
    }

    pub(crate) fn id(&self) -> ModelId {
        self.id
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Model({})", self.id)
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // A host that can't take it back frees it when the trial ends.
        let _ = self.lab.call(Request::Release { model: self.id });
    }
}
