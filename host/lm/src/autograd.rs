//! Gradients of several roots, each with a `grad_output` of its own, which tch's bindings leave out.

use std::ffi::c_char;

use torch_sys::C_tensor;

use crate::cuda::{called, owned, pointer};
use crate::{Result, Tensor};

unsafe extern "C" {
    fn picklock_gradients(
        roots: *const *const C_tensor,
        grad_outputs: *const *const C_tensor,
        root_count: i64,
        inputs: *const *const C_tensor,
        input_count: i64,
        results: *mut *mut C_tensor,
    ) -> *mut c_char;
}

/// Gradients of `inputs`, given each root's `grad_output` (1 where it has none); `None` for an input
/// that no root depends on. The roots' graphs are freed.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch) where libtorch refuses.
pub(crate) fn gradients(
    roots: &[(&Tensor, Option<&Tensor>)],
    inputs: &[&Tensor],
) -> Result<Vec<Option<Tensor>>> {
    let split = roots
        .iter()
        .map(|&(root, grad_output)| (root.as_ptr(), pointer(grad_output)));
    let (all, grad_outputs): (Vec<_>, Vec<_>) = split.unzip();
    let to: Vec<_> = inputs.iter().map(|input| input.as_ptr()).collect();
    let mut results = vec![std::ptr::null_mut(); inputs.len()];
    // SAFETY: lists of the lengths given, of pointers to tensors that live until the call has ended,
    // and room for as many results as there are inputs.
    called(unsafe {
        picklock_gradients(
            all.as_ptr(),
            grad_outputs.as_ptr(),
            all.len() as i64,
            to.as_ptr(),
            to.len() as i64,
            results.as_mut_ptr(),
        )
    })?;
    let found = results
        .into_iter()
        .map(|result| (!result.is_null()).then(|| owned(result)));
    Ok(found.collect())
}
