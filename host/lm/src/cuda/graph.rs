//! CUDA graphs.

use std::ffi::c_void;

use super::device::enter;
use super::library::{called, library};
use crate::error::caught;
use crate::{Device, Error, Result};

/// Work that has been captured, to be replayed as one launch.
///
/// Captures of a thread share their memory: what is read after a replay must be written into
/// tensors from outside the capture. Graphs belong to the thread that captured them.
#[derive(Debug)]
pub struct Graph(*mut c_void);

impl Graph {
    /// Captures what `work` asks the device for; nothing is executed. Everything that `work` needs
    /// must have been done once before, so that kernels are compiled and libraries loaded.
    ///
    /// # Errors
    /// What `work` fails with, or [`Error::Torch`] where something in it can't be captured. The
    /// device can be used afterwards.
    pub fn capture<T>(device: Device, work: impl FnOnce() -> Result<T>) -> Result<(Self, T)> {
        let Device::Cuda(index) = device else {
            return Err(Error::argument("device to capture on", "a GPU", "cpu"));
        };
        enter(device)?;
        let library = library()?;
        let mut graph = std::ptr::null_mut();
        // SAFETY: room for one pointer.
        called(unsafe { (library.capture_begin)(&raw mut graph, index as i32) })?;
        // SAFETY: a graph that was begun, and is not used again. What led here says more than what
        // the clean-up may meet.
        let abort = || drop(called(unsafe { (library.capture_abort)(graph) }));
        let made = caught(work).inspect_err(|_| abort())?;
        // SAFETY: as above.
        called(unsafe { (library.capture_end)(graph) }).inspect_err(|_| abort())?;
        Ok((Self(graph), made))
    }

    /// Runs it, after all that was asked for before on this thread. The device is not waited for.
    ///
    /// # Errors
    /// [`Error::Torch`] where the device refuses.
    pub fn replay(&self) -> Result<()> {
        // SAFETY: a graph that was captured whole.
        called(unsafe { (library()?.replay)(self.0) })
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        if let Ok(library) = library() {
            // SAFETY: nobody else has it. A failure would only leave it behind.
            let _ = called(unsafe { (library.graph_free)(self.0) });
        }
    }
}
