//! The CUDA half: kernels that libtorch has not, one optimiser step in one pass, CUDA graphs.
//!
//! It is a library of its own, in `csrc`, that is part of this crate's bytes and opened where
//! libtorch finds a GPU: the program itself links nothing of CUDA, and starts where there is none.
//! Every call is legal inside a capture. All types of one call are equal, float32 or bfloat16; sums
//! are in float32.

mod graph;
mod library;
mod staging;

use std::ptr::{null, null_mut};

use picklock_family::{Fusion, NormKind};
use picklock_sdk::Optimizer;
use torch_sys::C_tensor;

use crate::attention::Filled;
use crate::cache::LayerStep;
use crate::decoder::Heads;
use crate::optimizer::EPSILON;
use crate::rotation::Rotation;
use crate::{Result, Targets, Tensor};
use library::library;

pub use graph::Graph;
pub use library::Memory;

pub(crate) use library::{
    available, called, empty_cache, enter, make_room, memory, owned, pinned_like, reset_peak,
    synchronize, warn_once,
};
pub(crate) use staging::Staging;

/// A tensor as C++ takes it; null for none.
fn pointer(tensor: Option<&Tensor>) -> *const C_tensor {
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
    weight: &Tensor,
    bias: Option<&Tensor>,
    epsilon: f64,
    kind: NormKind,
) -> Result<(Tensor, Tensor)> {
    debug_assert_eq!(bias.is_some(), kind == NormKind::Layer);
    let (mut sum, mut normed) = (null_mut(), null_mut());
    // SAFETY: all pointers are to live tensors or null where the function takes none.
    called(unsafe {
        (library()?.norm)(
            &raw mut sum,
            &raw mut normed,
            pointer(Some(x)),
            pointer(delta),
            pointer(Some(weight)),
            pointer(bias),
            epsilon,
        )
    })?;
    let sum = match delta {
        Some(_) => owned(sum),
        None => x.shallow_clone(),
    };
    Ok((sum, owned(normed)))
}

/// Queries, keys and values, `[rows, heads, length, d]` each, of a projection's outputs, flat;
/// rotated by tables `[places, n]` where `rotation` gives them.
pub(crate) fn heads(
    projected: &Tensor,
    heads: Heads,
    rotation: Option<(&Tensor, &Tensor)>,
    places: Option<&Tensor>,
    (rows, length): (i64, i64),
) -> Result<[Tensor; 3]> {
    let mut out = [null_mut(); 3];
    let sizes = sizes(heads, rows, length);
    let (cos, sin) = rotation.unzip();
    // SAFETY: as above; `out` has room for three, and `sizes` is the six numbers expected.
    called(unsafe {
        (library()?.heads)(
            out.as_mut_ptr(),
            pointer(Some(projected)),
            pointer(cos),
            pointer(sin),
            pointer(places),
            sizes.as_ptr(),
        )
    })?;
    Ok(out.map(owned))
}

fn sizes(heads: Heads, rows: i64, length: i64) -> [i64; 6] {
    let heads_first = i64::from(heads.fusion == Fusion::HeadsFirst);
    [
        heads.queries,
        heads.keys,
        heads.width,
        rows,
        length,
        heads_first,
    ]
}

/// `silu(first half) * second half` of the last dimension.
pub(crate) fn gate(x: &Tensor) -> Result<Tensor> {
    let mut out = null_mut();
    // SAFETY: as above.
    called(unsafe { (library()?.gate)(&raw mut out, pointer(Some(x))) })?;
    Ok(owned(out))
}

/// Rows of a table `[R * V, D]` at ids `[R, n]`, which count through the whole table: `[R, n, D]`.
pub(crate) fn embedding(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let mut out = null_mut();
    // SAFETY: as above.
    called(unsafe {
        (library()?.embedding)(&raw mut out, pointer(Some(table)), pointer(Some(ids)))
    })?;
    Ok(owned(out))
}

/// Losses `[R]` of what the head reads, flat, at the targets' positions. The gradient of each loss
/// is taken to be 1: sum them up.
pub(crate) fn linear_cross_entropy(x: &Tensor, head: &Tensor, targets: &Targets) -> Result<Tensor> {
    let mut out = null_mut();
    let soft = targets.soft.as_ref();
    let [_, batch, answers] = <[i64; 3]>::from(targets.labels.size3()?);
    let rows = [soft.map_or(batch, |soft| soft.first_row), batch, answers];
    // SAFETY: as above; `rows` is the three numbers expected.
    called(unsafe {
        (library()?.cross_entropy)(
            &raw mut out,
            pointer(Some(x)),
            pointer(Some(head)),
            pointer(Some(&targets.labels)),
            pointer(Some(targets.shares())),
            pointer(soft.map(|soft| &soft.probabilities)),
            rows.as_ptr(),
        )
    })?;
    Ok(owned(out))
}

/// Log-probabilities of labels `[R * N]`, of what the head reads, flat; float32, without gradients.
pub(crate) fn linear_log_probs(x: &Tensor, head: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let mut out = null_mut();
    // SAFETY: as above.
    called(unsafe {
        (library()?.log_probs)(
            &raw mut out,
            pointer(Some(x)),
            pointer(Some(head)),
            pointer(Some(labels)),
        )
    })?;
    Ok(owned(out))
}

/// What an optimiser's step reads and writes of one group of weights, `[R, n]` each.
pub(crate) struct Updated {
    pub(crate) values: Tensor,
    pub(crate) master: Option<Tensor>,
    pub(crate) gradient: Tensor,
    pub(crate) mean: Tensor,
    pub(crate) square: Option<Tensor>,
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
    let list = |of: &dyn Fn(&Updated) -> Option<Tensor>| -> Vec<Option<Tensor>> {
        groups.iter().map(of).collect()
    };
    let all = |tensors: &[Option<Tensor>]| -> Vec<*const C_tensor> {
        tensors
            .iter()
            .map(|tensor| pointer(tensor.as_ref()))
            .collect()
    };
    let values = list(&|group| Some(group.values.shallow_clone()));
    let masters = list(&|group| group.master.as_ref().map(Tensor::shallow_clone));
    let gradients = groups
        .iter()
        .map(|group| group.gradient.f_contiguous().map(Some));
    let gradients: Vec<_> = gradients.collect::<std::result::Result<_, _>>()?;
    let means = list(&|group| Some(group.mean.shallow_clone()));
    let squares = list(&|group| group.square.as_ref().map(Tensor::shallow_clone));
    let (constants, lion) = match *optimizer {
        Optimizer::AdamW {
            beta1,
            beta2,
            weight_decay,
        } => ([beta1, beta2, EPSILON, weight_decay], false),
        Optimizer::Lion {
            beta1,
            beta2,
            weight_decay,
        } => ([beta1, beta2, 0.0, weight_decay], true),
    };
    // SAFETY: five lists of one length, of pointers to tensors that live until the call has ended,
    // and four constants.
    called(unsafe {
        (library()?.step)(
            all(&values).as_ptr(),
            all(&masters).as_ptr(),
            all(&gradients).as_ptr(),
            all(&means).as_ptr(),
            all(&squares).as_ptr(),
            groups.len() as i64,
            first.values.size()[0],
            constants.as_ptr(),
            clip_norm.unwrap_or(0.0),
            lion,
            pointer(Some(timetable)),
            pointer(Some(counter)),
        )
    })
}

/// Adds 1 to a counter.
pub(crate) fn advance(counter: &Tensor) -> Result<()> {
    // SAFETY: as above.
    called(unsafe { (library()?.advance)(pointer(Some(counter))) })
}

/// Queries `[rows, H, d]` of one token a row; its keys and values go into the caches.
pub(crate) fn append(step: &LayerStep, keys: &Tensor, values: &Tensor) -> Result<Tensor> {
    let mut out = null_mut();
    let sizes = sizes(step.heads, keys.size()[0], 1);
    let (cos, sin) = step.rotation.map(Rotation::tables).unzip();
    // SAFETY: as above.
    called(unsafe {
        (library()?.append)(
            &raw mut out,
            pointer(Some(step.projected)),
            pointer(cos),
            pointer(sin),
            pointer(step.places),
            pointer(Some(&step.filled.newest)),
            pointer(Some(keys)),
            pointer(Some(values)),
            sizes.as_ptr(),
        )
    })?;
    Ok(owned(out))
}

/// Attention of queries `[rows, H, d]` over the filled part of the caches, `[rows, H * d]`.
pub(crate) fn attend(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    filled: &Filled,
    window: Option<i64>,
) -> Result<Tensor> {
    let mut out = null_mut();
    // SAFETY: as above.
    called(unsafe {
        (library()?.attend)(
            &raw mut out,
            pointer(Some(queries)),
            pointer(Some(keys)),
            pointer(Some(values)),
            pointer(Some(&filled.newest)),
            pointer(filled.first.as_ref()),
            window.unwrap_or(0),
        )
    })?;
    Ok(owned(out))
}
