//! Opening the library, and what it says of a device.

use std::ffi::{CStr, c_char, c_void};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use libloading::os::unix::{Library as Opened, RTLD_LOCAL, RTLD_NOW};
use torch_sys::C_tensor;

use crate::{Device, Error, Result, Tensor};

/// The library, as build.rs links it.
const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/picklock_cuda.so"));

/// What every function gives: null, or a message to be freed.
pub(super) type Message = *mut c_char;
type Given = *const C_tensor;
type Made = *mut *mut C_tensor;
type Numbers = *const i64;

unsafe extern "C" {
    fn picklock_free_message(message: Message);
}

/// Declares the functions once, with their types.
macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*);)*) => {
        /// The library's functions; see the file in `csrc` that each is in.
        pub(super) struct Library {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) -> Message,)*
        }

        impl Library {
            /// # Safety
            /// The library must be ours, whose functions have these types.
            unsafe fn of(opened: &Opened) -> std::result::Result<Self, libloading::Error> {
                Ok(Self {
                    // SAFETY: the caller's promise; the functions live as long as the library, which
                    // is never closed.
                    $($name: *unsafe { opened.get(concat!("picklock_", stringify!($name)).as_bytes()) }?,)*
                })
            }
        }
    };
}

functions! {
    norm: fn(Made, Made, Given, Given, Given, Given, f64);
    heads: fn(Made, Given, Given, Given, Given, Numbers);
    gate: fn(Made, Given);
    embedding: fn(Made, Given, Given);
    append: fn(Made, Given, Given, Given, Given, Given, Given, Given, Numbers);
    attend: fn(Made, Given, Given, Given, Given, Given, i64);
    cross_entropy: fn(Made, Given, Given, Given, Given, Given, Numbers);
    log_probs: fn(Made, Given, Given, Given);
    step: fn(*const Given, *const Given, *const Given, *const Given, *const Given, i64, i64, *const f64, f64, bool, Given, Given);
    advance: fn(Given);
    enter: fn(i32);
    capture_begin: fn(*mut *mut c_void, i32);
    capture_end: fn(*mut c_void);
    capture_abort: fn(*mut c_void);
    replay: fn(*mut c_void);
    graph_free: fn(*mut c_void);
    synchronize: fn(i32);
    memory: fn(*mut u64, i32);
    reset_peak: fn(i32);
    empty_cache: fn(i32);
    pinned_like: fn(Made, Given);
}

/// The library, opened when it is first asked for.
pub(super) fn library() -> Result<&'static Library> {
    static LIBRARY: OnceLock<std::result::Result<Library, String>> = OnceLock::new();
    let opened = LIBRARY.get_or_init(|| open().map_err(|error| error.to_string()));
    opened.as_ref().map_err(|problem| failure(problem))
}

fn open() -> std::result::Result<Library, Box<dyn std::error::Error>> {
    let file = rustix::fs::memfd_create("picklock_cuda.so", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(file);
    file.write_all(BYTES)?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: the bytes are our own; opening them only registers static data.
    let opened = unsafe { Opened::open(Some(path), RTLD_NOW | RTLD_LOCAL) }?;
    // SAFETY: as above.
    let library = unsafe { Library::of(&opened) }?;
    std::mem::forget(opened);
    Ok(library)
}

/// What a function gave, as a result.
pub(crate) fn called(message: Message) -> Result<()> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: a message is a C string that the function allocated for us.
    let text = unsafe { CStr::from_ptr(message) }
        .to_string_lossy()
        .into_owned();
    // SAFETY: nothing refers to it any more.
    unsafe { picklock_free_message(message) };
    Err(failure(&text))
}

fn failure(text: &str) -> Error {
    Error::Torch(tch::TchError::Torch(text.to_owned()))
}

/// Takes a tensor that C++ made.
pub(crate) fn owned(tensor: *mut C_tensor) -> Tensor {
    // SAFETY: it was made with `new`, as tch's own are, and nobody else has it.
    unsafe { Tensor::from_ptr(tensor) }
}

/// Whether a device is a GPU that the library serves.
pub(crate) fn available(device: Device) -> bool {
    matches!(device, Device::Cuda(_)) && library().is_ok()
}

fn index(device: Device) -> i32 {
    match device {
        Device::Cuda(index) => index as i32,
        _ => 0,
    }
}

/// Makes a GPU this thread's own, with a stream that can be captured. To be called before anything
/// that is captured; says why where the library doesn't open, in which case all goes without it.
///
/// # Errors
/// [`Error::Torch`] where the device refuses.
pub(crate) fn enter(device: Device) -> Result<()> {
    if !matches!(device, Device::Cuda(_)) {
        return Ok(());
    }
    match library() {
        // SAFETY: takes a number.
        Ok(library) => called(unsafe { (library.enter)(index(device)) }),
        Err(error) => {
            warn_once(&error);
            Ok(())
        }
    }
}

/// Says once in a process that something runs slower than it could.
pub(crate) fn warn_once(error: &Error) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        tracing::warn!("no CUDA graphs or fused kernels here, so all is slower: {error}");
    }
}

/// Where a capture that follows would hold a second set of what an eager step leaves in the
/// allocator's hands, gives that back first, if memory is short.
pub(crate) fn make_room(device: Device) -> Result<()> {
    let memory = memory(device)?;
    let idle = memory.reserved.saturating_sub(memory.allocated);
    match idle > memory.free {
        true => empty_cache(device),
        false => Ok(()),
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

/// A GPU's memory as it is.
pub(crate) fn memory(device: Device) -> Result<Memory> {
    let mut numbers = [0_u64; 5];
    // SAFETY: room for five numbers.
    called(unsafe { (library()?.memory)(numbers.as_mut_ptr(), index(device)) })?;
    let [allocated, reserved, peak_allocated, free, total] = numbers;
    Ok(Memory {
        allocated,
        reserved,
        peak_allocated,
        free,
        total,
    })
}

/// Waits for all that a GPU was asked to do.
pub(crate) fn synchronize(device: Device) -> Result<()> {
    // SAFETY: takes a number.
    called(unsafe { (library()?.synchronize)(index(device)) })
}

/// Begins the peak anew.
pub(crate) fn reset_peak(device: Device) -> Result<()> {
    // SAFETY: takes a number.
    called(unsafe { (library()?.reset_peak)(index(device)) })
}

/// Gives back what nothing uses.
pub(crate) fn empty_cache(device: Device) -> Result<()> {
    // SAFETY: takes a number.
    called(unsafe { (library()?.empty_cache)(index(device)) })
}

/// Room for a tensor in pinned host memory.
pub(crate) fn pinned_like(tensor: &Tensor) -> Result<Tensor> {
    let mut out = std::ptr::null_mut();
    // SAFETY: the tensor lives until the call has ended.
    called(unsafe { (library()?.pinned_like)(&raw mut out, tensor.as_ptr()) })?;
    Ok(owned(out))
}
