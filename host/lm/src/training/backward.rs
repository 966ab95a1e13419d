//! Forward and backward: losses and gradients, all at once or block by block.
//!
//! Block by block, no more than one block's gradients need exist at a time, and activations within
//! blocks may be dropped and computed again (Chen et al. 2016, arXiv 1604.06174).

use picklock_sdk::Memory;
use tch::{no_grad_guard, with_grad};

use super::groups::{Groups, by_block};
use crate::decoder::{Network, Step, Stream};
use crate::likelihood::{head_loss, network_loss, pass_of};
use crate::{Batch, Result, Tensor, autograd};

/// A slot's number and its gradient, in the shape of its leaf.
pub(super) type Gradient = (usize, Tensor);

/// Called with gradients as soon as they are complete, each slot once.
pub(super) type Take<'a> = &'a mut dyn FnMut(Vec<Gradient>) -> Result<()>;

/// A network and the leaves that it computes with.
pub(super) struct Differentiable<'a> {
    pub(super) network: &'a Network,
    pub(super) groups: &'a Groups,
}

/// A slot's number and its gradient; `None` where no output depends on it.
type Found = (usize, Option<Tensor>);

/// One block's part of the forward pass.
struct Segment {
    /// What went in, cut off from what was before.
    input: Stream,
    /// What came out, with what backward needs; `None` where it is to be computed again.
    output: Option<Stream>,
}

impl Differentiable<'_> {
    /// Losses `[R]`, in nats; gradients go to `take`.
    pub(super) fn backward(&self, batch: &Batch, memory: Memory, take: Take) -> Result<Tensor> {
        if by_block(memory) {
            self.by_block(batch, memory.activation_checkpointing, take)
        } else {
            self.whole(batch, take)
        }
    }

    fn whole(&self, batch: &Batch, take: Take) -> Result<Tensor> {
        let leaves = &self.groups.leaves;
        let (loss, gradients) = with_grad(|| -> Result<_> {
            let loss = network_loss(self.network, batch)?;
            let gradients = Tensor::f_run_backward(&[loss.f_sum(None)?], leaves, false, false)?;
            Ok((loss.f_detach()?, gradients))
        })?;
        take(gradients.into_iter().enumerate().collect())?;
        Ok(loss)
    }

    fn by_block(&self, batch: &Batch, recompute: bool, take: Take) -> Result<Tensor> {
        let network = self.network;
        let pass = pass_of(network, batch)?;
        let step = network.step(&pass, None)?;
        let start = with_grad(|| network.embed(&pass))?;
        let mut stream = cut(&start)?;
        let mut segments = Vec::with_capacity(network.layers());
        for layer in 0..network.layers() {
            let output = self.block(layer, &stream, &step, recompute)?;
            let next = cut(&output)?;
            segments.push(Segment {
                input: stream,
                output: (!recompute).then_some(output),
            });
            stream = next;
        }
        let loss = with_grad(|| head_loss(network, &pass, &network.end(&stream)?, batch))?;
        let total = with_grad(|| loss.f_sum(None))?;
        let outside = self.slots(None);
        let (mut grads, mut outer) = self.step_back(&[(&total, None)], &stream, &outside)?;
        drop((total, stream));
        for (layer, segment) in segments.into_iter().enumerate().rev() {
            let output = match segment.output {
                Some(output) => output,
                None => self.block(layer, &segment.input, &step, false)?,
            };
            let own = self.slots(Some(layer));
            let (before, gradients) =
                self.step_back(&roots(&output, &grads), &segment.input, &own)?;
            grads = before;
            take(complete(gradients))?;
        }
        // A tied head's leaf is the embedding's too: only now is its gradient complete.
        let leaves = outside.iter().map(|&slot| &self.groups.leaves[slot]);
        let leaves: Vec<&Tensor> = leaves.collect();
        let starts = autograd::gradients(&roots(&start, &grads), &leaves)?;
        for ((_, sum), part) in outer.iter_mut().zip(starts) {
            *sum = match (sum.take(), part) {
                (Some(sum), Some(part)) => Some(sum.f_add(&part)?),
                (sum, part) => sum.or(part),
            };
        }
        take(complete(outer))?;
        Ok(loss.f_detach()?)
    }

    fn block(&self, layer: usize, input: &Stream, step: &Step, discard: bool) -> Result<Stream> {
        if discard {
            let _guard = no_grad_guard();
            return self.network.block(layer, input, step);
        }
        with_grad(|| self.network.block(layer, input, step))
    }

    /// The slots of a block, or those outside of any.
    fn slots(&self, block: Option<usize>) -> Vec<usize> {
        let slots = self.groups.layout.slots.iter().enumerate();
        let own = slots.filter(|(_, slot)| slot.block == block);
        own.map(|(index, _)| index).collect()
    }

    /// From each root's `grad_output` to the gradients of the stream `input` and of slots.
    fn step_back(
        &self,
        roots: &[(&Tensor, Option<&Tensor>)],
        input: &Stream,
        slots: &[usize],
    ) -> Result<(Vec<Tensor>, Vec<Found>)> {
        let mut inputs = tensors(input);
        inputs.extend(slots.iter().map(|&slot| &self.groups.leaves[slot]));
        let mut streams = autograd::gradients(roots, &inputs)?;
        let gradients = streams.split_off(inputs.len() - slots.len());
        let streams = streams.into_iter().flatten().collect();
        Ok((streams, slots.iter().copied().zip(gradients).collect()))
    }
}

/// The gradients that there are.
fn complete(gradients: Vec<Found>) -> Vec<Gradient> {
    let some = |(slot, gradient): Found| Some((slot, gradient?));
    gradients.into_iter().filter_map(some).collect()
}

/// The stream's tensors.
fn tensors(stream: &Stream) -> Vec<&Tensor> {
    std::iter::once(&stream.x).chain(&stream.delta).collect()
}

/// A stream's tensors, each with its `grad_output`.
fn roots<'a>(stream: &'a Stream, grads: &'a [Tensor]) -> Vec<(&'a Tensor, Option<&'a Tensor>)> {
    let tensors = tensors(stream).into_iter();
    tensors.zip(grads.iter().map(Some)).collect()
}

/// The same numbers as leaves of their own.
fn cut(stream: &Stream) -> Result<Stream> {
    let leaf = |tensor: &Tensor| tensor.f_detach()?.f_set_requires_grad(true);
    Ok(Stream {
        x: leaf(&stream.x)?,
        delta: stream.delta.as_ref().map(leaf).transpose()?,
    })
}
