//! A training step as a CUDA graph: forward, backward, clipping and optimiser in one launch.

use crate::cuda::Graph;
use crate::weights::copy;
use crate::{Batch, Kind, Result, Tensor};

/// A step that has been captured, with the batch that it reads and the loss that it writes.
pub(super) struct Captured {
    shape: Vec<Vec<i64>>,
    batch: Batch,
    loss: Tensor,
    graph: Graph,
}

impl Captured {
    /// Captures `step` on a copy of `batch`. Nothing is executed.
    pub(super) fn new(
        batch: &Batch,
        mut step: impl FnMut(&Batch) -> Result<Tensor>,
    ) -> Result<Self> {
        let shape = shape(batch);
        let batch = batch.copy()?;
        let replicas = batch.rows.tokens.size()[0];
        // What is read after a replay lies outside the graph's memory, which captures share.
        let mut loss = Tensor::f_zeros([replicas], (Kind::Float, batch.device()))?;
        let (graph, ()) = Graph::capture(batch.device(), || {
            loss.f_copy_(&step(&batch)?)?;
            Ok(())
        })?;
        Ok(Self {
            shape,
            batch,
            loss,
            graph,
        })
    }

    /// Whether a batch has the shapes that were captured.
    pub(super) fn fits(&self, batch: &Batch) -> bool {
        self.shape == shape(batch)
    }

    /// Puts another batch into place.
    pub(super) fn read(&self, batch: &Batch) -> Result<()> {
        self.batch.assign(batch)
    }

    /// Runs the step on the batch in place; the losses, `[R]`, in a tensor of their own.
    pub(super) fn run(&self) -> Result<Tensor> {
        self.graph.replay()?;
        copy(&self.loss)
    }
}

/// What a captured step depends on: the shapes of all that it reads.
pub(super) fn shape(batch: &Batch) -> Vec<Vec<i64>> {
    let soft = batch.targets.soft.as_ref();
    let soft_from = soft.map_or(-1, |soft| soft.first_row);
    let sizes = batch.tensors().into_iter().map(Tensor::size);
    let masked = i64::from(batch.rows.mask.is_some());
    sizes.chain([vec![soft_from], vec![masked]]).collect()
}
