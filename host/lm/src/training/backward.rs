//! Forward and backward: losses and gradients, all at once or block by block.
//!
//! Block by block, no more than one block's gradients need exist at a time, and activations within
//! blocks may be forgotten and computed again (Chen et al. 2016, arXiv 1604.06174).

use picklock_sdk::Memory;
use tch::{no_grad_guard, with_grad};

use super::groups::{Groups, by_block};
use crate::decoder::{Network, Step, Stream};
use crate::likelihood::{head_loss, network_loss, pass_of};
use crate::{Batch, Result, Tensor, autograd};

/// A slot's number and its gradient, in the shape of its leaf.
pub(super) type Gradient = (usize, Tensor);

/// Told of gradients as soon as they are whole, each slot once.
pub(super) type Take<'a> = &'a mut dyn FnMut(Vec<Gradient>) -> Result<()>;

/// A network and the leaves that it computes with.
pub(super) struct Differentiable<'a> {
    pub(super) network: &'a Network,
    pub(super) groups: &'a Groups,
}

/// A slot's number and its gradient, where it plays a part.
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
        let leaves = self.groups.leaf_list();
        let (loss, gradients) = with_grad(|| -> Result<_> {
            let loss = network_loss(self.network, batch)?;
            let total = loss.f_sum(None)?;
            let gradients = Tensor::f_run_backward(&[total], leaves, false, false)?;
            Ok((loss.f_detach()?, gradients))
        })?;
        take(gradients.into_iter().enumerate().collect())?;
        Ok(loss)
    }

    fn by_block(&self, batch: &Batch, recompute: bool, take: Take) -> Result<Tensor> {
        let network = self.network;
        let pass = pass_of(network, batch)?;
        let step = network.step(&pass)?;
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
        let (mut slopes, mut outer) = self.step_back(&[(&total, None)], &stream, &outside)?;
        drop((total, stream));
        for (layer, segment) in segments.into_iter().enumerate().rev() {
            let output = match segment.output {
                Some(output) => output,
                None => self.block(layer, &segment.input, &step, false)?,
            };
            let roots = roots(&output, &slopes);
            let own = self.slots(Some(layer));
            let (before, gradients) = self.step_back(&roots, &segment.input, &own)?;
            slopes = before;
            take(whole(gradients))?;
        }
        // A tied head's leaf is the embedding's too: only now is its gradient whole.
        let leaves: Vec<&Tensor> = outside
            .iter()
            .map(|&slot| &self.groups.leaf_list()[slot])
            .collect();
        let starts = autograd::gradients(&roots(&start, &slopes), &leaves)?;
        for ((_, sum), part) in outer.iter_mut().zip(starts) {
            *sum = match (sum.take(), part) {
                (Some(sum), Some(part)) => Some(sum.f_add(&part)?),
                (sum, part) => sum.or(part),
            };
        }
        take(whole(outer))?;
        Ok(loss.f_detach()?)
    }

    fn block(&self, layer: usize, input: &Stream, step: &Step, forget: bool) -> Result<Stream> {
        if forget {
            let _guard = no_grad_guard();
            return self.network.block(layer, input, step, None);
        }
        with_grad(|| self.network.block(layer, input, step, None))
    }

    /// The slots of a block, or those outside of any.
    fn slots(&self, block: Option<usize>) -> Vec<usize> {
        let slots = self.groups.layout().slots.iter().enumerate();
        let own = slots.filter(|(_, slot)| slot.block == block);
        own.map(|(index, _)| index).collect()
    }

    /// From the slopes of `roots` to those of the stream `input`, and to the gradients of slots
    /// (none for those that play no part).
    fn step_back(
        &self,
        roots: &[(&Tensor, Option<&Tensor>)],
        input: &Stream,
        slots: &[usize],
    ) -> Result<(Vec<Tensor>, Vec<Found>)> {
        let leaves = self.groups.leaf_list();
        let inputs = tensors(input).into_iter();
        let all = inputs.chain(slots.iter().map(|&slot| &leaves[slot]));
        let mut slopes = autograd::gradients(roots, &all.collect::<Vec<_>>())?;
        let gradients = slopes.split_off(slopes.len() - slots.len());
        let slopes = slopes.into_iter().flatten().collect();
        Ok((slopes, slots.iter().copied().zip(gradients).collect()))
    }
}

fn whole(gradients: Vec<Found>) -> Vec<Gradient> {
    let some = |(slot, gradient): Found| Some((slot, gradient?));
    gradients.into_iter().filter_map(some).collect()
}

/// The stream's tensors.
fn tensors(stream: &Stream) -> Vec<&Tensor> {
    [Some(&stream.x), stream.delta.as_ref()]
        .into_iter()
        .flatten()
        .collect()
}

/// A stream with the slopes of its tensors.
fn roots<'a>(stream: &'a Stream, slopes: &'a [Tensor]) -> Vec<(&'a Tensor, Option<&'a Tensor>)> {
    tensors(stream)
        .into_iter()
        .zip(slopes.iter().map(Some))
        .collect()
}

/// The same numbers as leaves of their own.
fn cut(stream: &Stream) -> Result<Stream> {
    let leaf = |tensor: &Tensor| tensor.f_detach()?.f_set_requires_grad(true);
    Ok(Stream {
        x: leaf(&stream.x)?,
        delta: stream.delta.as_ref().map(leaf).transpose()?,
    })
}
