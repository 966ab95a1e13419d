//! The CUDA half: kernels that libtorch has not, one optimiser step in one pass, CUDA graphs.
//!
//! It is a library of its own, in `csrc`, that is part of this crate's bytes and opened where
//! libtorch finds a GPU: the program itself links nothing of CUDA, and starts where there is none.
//! Every call is legal inside a capture. All types of one call are equal, float32 or bfloat16; sums
//! are in float32.

mod device;
mod graph;
mod library;
mod staging;

use std::ptr::{null, null_mut};

use picklock_family::{Fusion, NormKind};
use picklock_sdk::Optimizer;
use torch_sys::C_tensor;

use crate::attention::{Filled, Heads};
use crate::optimizer::{EPSILON, constants};
use crate::rotation::Rotation;
use crate::{Result, Targets, Tensor};
use library::{library, made};

pub use device::{Memory, empty_cache, memory, reset_peak, synchronize};
pub use graph::Graph;

pub(crate) use device::{enter, make_room, warn_once};
pub(crate) use library::{available, called, owned};
pub(crate) use staging::{Staging, pinned_like};

/// A tensor as C++ takes it; null for none.
pub(crate) fn pointer(tensor: Option<&Tensor>) -> *const C_tensor {
    tensor.map_or(null(), Tensor::as_ptr)
}

/// `delta` added to `x`, and the sum normed: flat activations `[N, D]`, or `[R, N, D]` of a stack,
/// and weights `[D]` or `[R, 1, D]`.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch), as everywhere here, where the device refuses.
pub(crate) fn norm(
    x: &Tensor,
    delta: Option<&Tensor>,
    (weight, bias): (&Tensor, Option<&Tensor>),
    epsilon: f64,
    kind: NormKind,
) -> Result<(Tensor, Tensor)> {
    debug_assert_eq!(bias.is_some(), kind == NormKind::Layer);
    let mut sum = null_mut();
    let [stream, delta, weight, bias] = [Some(x), delta, Some(weight), bias].map(pointer);
    // SAFETY: all pointers are to live tensors or null where the function takes none.
    let normed = made(|library, out| unsafe {
        (library.norm)(&raw mut sum, out, stream, delta, weight, bias, epsilon)
    })?;
    let sum = if sum.is_null() {
        x.shallow_clone()
    } else {
        owned(sum)
    };
    Ok((sum, normed))
}

/// Queries, keys and values, `[rows, heads, length, d]` each, of a projection's outputs, flat;
/// rotated by tables `[positions, n]` where `rotation` gives them.
pub(crate) fn heads(
    projected: &Tensor,
    heads: Heads,
    rotation: Option<&Rotation>,
    positions: Option<&Tensor>,
    (rows, length): (i64, i64),
) -> Result<[Tensor; 3]> {
    let mut out = [null_mut(); 3];
    let sizes = sizes(heads, rows, length);
    let [cos, sin, positions] = tables(rotation, positions);
    let (to, projected) = (out.as_mut_ptr(), projected.as_ptr());
    // SAFETY: as above; `out` has room for three, and `sizes` is the six numbers expected.
    called(unsafe { (library()?.heads)(to, projected, cos, sin, positions, sizes.as_ptr()) })?;
    Ok(out.map(owned))
}

fn tables(rotation: Option<&Rotation>, positions: Option<&Tensor>) -> [*const C_tensor; 3] {
    let (cos, sin) = rotation
        .map(|rotation| (&rotation.cos, &rotation.sin))
        .unzip();
    [cos, sin, positions].map(pointer)
}

fn sizes(heads: Heads, rows: i64, length: i64) -> [i64; 6] {
    let Heads {
        queries,
        keys,
        width,
        fusion,
    } = heads;
    let heads_first = i64::from(fusion == Fusion::HeadsFirst);
    [queries, keys, width, rows, length, heads_first]
}

/// `silu(first half) * second half` of the last dimension.
pub(crate) fn gate(x: &Tensor) -> Result<Tensor> {
    // SAFETY: as above.
    made(|library, out| unsafe { (library.gate)(out, x.as_ptr()) })
}

/// Rows of a table `[R * V, D]` at ids `[R, n]`, which count through the whole table: `[R, n, D]`.
pub(crate) fn embedding(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    // SAFETY: as above.
    made(|library, out| unsafe { (library.embedding)(out, table.as_ptr(), ids.as_ptr()) })
}

/// Losses `[R]` of what the head reads, flat, at the targets' positions. The gradient of each loss
/// is taken to be 1: sum them up.
pub(crate) fn linear_cross_entropy(x: &Tensor, head: &Tensor, targets: &Targets) -> Result<Tensor> {
    let soft = targets.soft.as_ref();
    let (_, batch, answers) = targets.labels.size3()?;
    let rows = [soft.map_or(batch, |soft| soft.first_row), batch, answers];
    let [x, head, labels, shares] = [x, head, &targets.labels, &targets.shares].map(Tensor::as_ptr);
    let soft = pointer(soft.map(|soft| &soft.probabilities));
    // SAFETY: as above; `rows` is the three numbers expected.
    made(|library, out| unsafe {
        (library.cross_entropy)(out, x, head, labels, shares, soft, rows.as_ptr())
    })
}

/// Log-probabilities of labels `[R * N]`, of what the head reads, flat; float32, without gradients.
pub(crate) fn linear_log_probs(x: &Tensor, head: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let [x, head, labels] = [x, head, labels].map(Tensor::as_ptr);
    // SAFETY: as above.
    made(|library, out| unsafe { (library.log_probs)(out, x, head, labels) })
}

/// What an optimiser's step reads and writes of one group of weights, `[R, n]` each.
pub(crate) struct Updated<'a> {
    pub(crate) values: &'a Tensor,
    pub(crate) master: Option<&'a Tensor>,
    /// Contiguous.
    pub(crate) gradient: Tensor,
    pub(crate) mean: &'a Tensor,
    pub(crate) square: Option<&'a Tensor>,
}

/// One step on all groups, clipped where `clip_norm` says. `timetable` is `[steps, 3]`, see
/// [`factors`](crate::optimizer::factors), and `counter` `[1]` names its row.
pub(crate) fn step(
    optimizer: &Optimizer,
    clip_norm: Option<f64>,
    groups: &[Updated],
    timetable: &Tensor,
    counter: &Tensor,
) -> Result<()> {
    let Some(first) = groups.first() else {
        return Ok(());
    };
    let list = |of: fn(&Updated) -> *const C_tensor| -> Vec<_> { groups.iter().map(of).collect() };
    let values = list(|group| group.values.as_ptr());
    let masters = list(|group| pointer(group.master));
    let gradients = list(|group| group.gradient.as_ptr());
    let means = list(|group| group.mean.as_ptr());
    let squares = list(|group| pointer(group.square));
    let [beta1, beta2, weight_decay] = constants(optimizer);
    let lion = matches!(optimizer, Optimizer::Lion { .. });
    let constants = [beta1, beta2, EPSILON, weight_decay];
    // SAFETY: five lists of one length, of pointers to tensors that live until the call has ended,
    // and four constants.
    called(unsafe {
        (library()?.step)(
            values.as_ptr(),
            masters.as_ptr(),
            gradients.as_ptr(),
            means.as_ptr(),
            squares.as_ptr(),
            groups.len() as i64,
            first.values.size()[0],
            constants.as_ptr(),
            clip_norm.unwrap_or(0.0),
            lion,
            timetable.as_ptr(),
            counter.as_ptr(),
        )
    })
}

/// Adds 1 to a counter.
pub(crate) fn advance(counter: &Tensor) -> Result<()> {
    // SAFETY: as above.
    called(unsafe { (library()?.advance)(counter.as_ptr()) })
}

/// What a layer's attention needs in a step of decoding, the number of filled positions being on the
/// device.
pub(crate) struct LayerStep<'a> {
    /// Outputs of the projection, flat, one token a row.
    pub(crate) projected: &'a Tensor,
    pub(crate) heads: Heads,
    pub(crate) rotation: Option<&'a Rotation>,
    /// Each row's position, `[R, B, 1]`, int64.
    pub(crate) positions: Option<&'a Tensor>,
    pub(crate) filled: &'a Filled,
    pub(crate) window: Option<i64>,
}

/// Queries `[rows, H, d]` of one token a row; its keys and values go into the caches.
pub(crate) fn append(step: &LayerStep, keys: &Tensor, values: &Tensor) -> Result<Tensor> {
    let sizes = sizes(step.heads, keys.size()[0], 1);
    let [cos, sin, positions] = tables(step.rotation, step.positions);
    let [all, newest] = [step.projected, &step.filled.newest].map(Tensor::as_ptr);
    let (keys, values, sizes) = (keys.as_ptr(), values.as_ptr(), sizes.as_ptr());
    // SAFETY: as above.
    made(|library, out| unsafe {
        (library.append)(out, all, cos, sin, positions, newest, keys, values, sizes)
    })
}

/// Attention of queries `[rows, H, d]` over the filled part of the caches, `[rows, H * d]`.
pub(crate) fn attend(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    filled: &Filled,
    window: Option<i64>,
) -> Result<Tensor> {
    let [q, k, v, newest] = [queries, keys, values, &filled.newest].map(Tensor::as_ptr);
    let (first, window) = (pointer(filled.first.as_ref()), window.unwrap_or(0));
    // SAFETY: as above.
    made(|library, out| unsafe { (library.attend)(out, q, k, v, newest, first, window) })
}
