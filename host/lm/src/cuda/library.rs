//! The CUDA library: opening it, and calling its functions.

use std::ffi::{CStr, c_char, c_void};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::OnceLock;

use libloading::os::unix::{Library as Opened, RTLD_LOCAL, RTLD_NOW};
use torch_sys::C_tensor;

use crate::{Device, Error, Result, Tensor};

/// The library, as build.rs links it.
const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/picklock_cuda.so"));

/// What every function returns: null, or a message to be freed.
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

/// What a function returned, as a result.
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

/// The tensor that a function makes.
pub(super) fn made(call: impl FnOnce(&Library, Made) -> Message) -> Result<Tensor> {
    let mut out = std::ptr::null_mut();
    called(call(library()?, &raw mut out))?;
    Ok(owned(out))
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
