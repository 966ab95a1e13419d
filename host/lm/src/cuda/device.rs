//! GPUs as such: the stream of this thread, memory, waiting for work to end.

use std::sync::atomic::{AtomicBool, Ordering};

use super::library::{Library, Message, available, called, library};
use crate::{Device, Error, Result};

/// Calls the library for a GPU that it serves; other devices have nothing to do.
fn on(device: Device, call: impl FnOnce(&Library, i32) -> Message) -> Result<()> {
    match device {
        Device::Cuda(index) if available(device) => called(call(library()?, index as i32)),
        _ => Ok(()),
    }
}

/// Gives this thread a stream on a GPU that can be captured. To be called before anything that is
/// captured; warns where the library doesn't open, in which case libtorch computes everything.
///
/// # Errors
/// [`Error::Torch`] where the device refuses.
pub(crate) fn enter(device: Device) -> Result<()> {
    if let Device::Cuda(_) = device
        && let Err(error) = library()
    {
        warn_once(&error);
    }
    // SAFETY: takes a number, as the others below.
    on(device, |library, index| unsafe { (library.enter)(index) })
}

/// Warns once in a process that something runs slower than it could.
pub(crate) fn warn_once(error: &Error) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!("no CUDA graphs or fused kernels here, so all is slower: {error}");
    }
}

/// Makes room for a capture, which takes memory of its own: if the device has less free than the
/// allocator holds unused after eager steps, the allocator gives that back.
pub(crate) fn make_room(device: Device) -> Result<()> {
    match memory(device)? {
        Some(memory) if memory.reserved.saturating_sub(memory.allocated) > memory.free => {
            empty_cache(device)
        }
        _ => Ok(()),
    }
}

/// A GPU's memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// In tensors.
    pub allocated: u64,
    /// In the allocator's hands, tensors included.
    pub reserved: u64,
    /// The most in tensors since the peak was reset.
    pub peak_allocated: u64,
    /// Free on the device.
    pub free: u64,
    /// The device's.
    pub total: u64,
}

/// A GPU's memory; `None` for a CPU.
///
/// # Errors
/// [`Error::Torch`] where the device doesn't say.
pub fn memory(device: Device) -> Result<Option<Memory>> {
    let mut numbers = [0; 5];
    // SAFETY: room for five numbers.
    on(device, |library, index| unsafe {
        (library.memory)(numbers.as_mut_ptr(), index)
    })?;
    let [allocated, reserved, peak_allocated, free, total] = numbers;
    Ok(available(device).then_some(Memory {
        allocated,
        reserved,
        peak_allocated,
        free,
        total,
    }))
}

/// Waits until a device has done all that was asked of it.
///
/// # Errors
/// [`Error::Torch`] where something asked of it earlier has failed.
pub fn synchronize(device: Device) -> Result<()> {
    // SAFETY: as above.
    on(device, |library, index| unsafe {
        (library.synchronize)(index)
    })
}

/// Resets the peak of [`memory`].
///
/// # Errors
/// [`Error::Torch`] where the device refuses.
pub fn reset_peak(device: Device) -> Result<()> {
    // SAFETY: as above.
    on(device, |library, index| unsafe {
        (library.reset_peak)(index)
    })
}

/// Gives memory that nothing uses back to a GPU.
///
/// # Errors
/// [`Error::Torch`] where the device refuses.
pub fn empty_cache(device: Device) -> Result<()> {
    // SAFETY: as above.
    on(device, |library, index| unsafe {
        (library.empty_cache)(index)
    })
}
