//! Host memory that bytes pass through on their way to a device.

use super::library::{available, made};
use crate::{Device, Kind, Result, Tensor};

/// Room for a tensor in pinned host memory.
pub(crate) fn pinned_like(tensor: &Tensor) -> Result<Tensor> {
    // SAFETY: the tensor lives until the call has ended.
    made(|library, out| unsafe { (library.pinned_like)(out, tensor.as_ptr()) })
}

/// A buffer in host memory; pinned where the device is a GPU, which then takes from it by itself.
pub(crate) struct Staging(Tensor);

impl Staging {
    pub(crate) fn new(bytes: usize, device: Device) -> Result<Self> {
        let plain = Tensor::f_empty([bytes as i64], (Kind::Uint8, Device::Cpu))?;
        let mut buffer = if available(device) {
            pinned_like(&plain)?
        } else {
            plain
        };
        let _ = buffer.f_zero_()?;
        Ok(Self(buffer))
    }

    /// All of it, to be written.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        let (start, length) = (self.0.data_ptr().cast::<u8>(), self.0.numel());
        // SAFETY: so many bytes of host memory, set when they were made; the tensor is contiguous,
        // nobody else has it, and what `numbers` gives borrows the buffer.
        unsafe { std::slice::from_raw_parts_mut(start, length) }
    }

    /// Its first bytes as so many float32, to be written.
    pub(crate) fn floats(&mut self, count: usize) -> &mut [f32] {
        // SAFETY: any bits are a float; libtorch begins what it allocates at a multiple of 64.
        let (_, floats, _) = unsafe { self.bytes().align_to_mut() };
        &mut floats[..count]
    }

    /// Its first bytes as so many numbers of a type, for as long as `take` looks at them.
    pub(crate) fn numbers<T>(
        &self,
        count: usize,
        kind: Kind,
        take: impl FnOnce(&Tensor) -> Result<T>,
    ) -> Result<T> {
        let bytes = count * kind.elt_size_in_bytes();
        let start = self.0.f_narrow(0, 0, bytes as i64)?;
        take(&start.f_view_dtype(kind)?)
    }
}
