//! libtorch itself: starting it, its version, its devices.

use crate::{Device, Error, Result};

pub use crate::cuda::{Memory, empty_cache, memory, reset_peak, synchronize};
pub use crate::error::caught;

/// The flags of `dlopen` under which CUDA's kernels register themselves with the rest of libtorch.
const GLOBAL: i32 = libloading::os::unix::RTLD_NOW | libloading::os::unix::RTLD_GLOBAL;

/// Opens libtorch's CUDA half where it is installed, and sets the number of CPU threads per
/// operation (`None` leaves libtorch's default).
///
/// Call it before anything else of this crate, from the thread that will run the models: the number
/// of threads is that thread's own.
pub fn start(threads: Option<usize>) {
    // SAFETY: the library's initialisers only register CUDA kernels with the libtorch that this
    // program is linked to; both come from one installation, as its rpath says.
    let cuda = unsafe { libloading::os::unix::Library::open(Some("libtorch_cuda.so"), GLOBAL) };
    // An installation without CUDA is fine. One with it stays open until the process ends.
    if let Ok(library) = cuda {
        std::mem::forget(library);
    }
    if let Some(threads) = threads {
        tch::set_num_threads(i32::try_from(threads.max(1)).unwrap_or(i32::MAX));
    }
}

/// The version of libtorch that this crate is built for.
pub fn libtorch_version() -> &'static str {
    "2.11.0"
}

/// Number of GPUs that libtorch can use.
pub fn gpu_count() -> usize {
    usize::try_from(tch::Cuda::device_count()).unwrap_or(0)
}

/// Reads `cpu`, `cuda` (the first GPU) or `cuda:N`.
///
/// # Errors
/// [`Error::Argument`] for another word, [`Error::NoDevice`] where there is no such GPU.
pub fn parse_device(text: &str) -> Result<Device> {
    let index = match text {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Some(0),
        other => other
            .strip_prefix("cuda:")
            .and_then(|index| index.parse().ok()),
    };
    let index: usize = index
        .ok_or_else(|| Error::argument("device", "cpu, cuda or cuda:N", format!("`{text}`")))?;
    match gpu_count() {
        count if index < count => Ok(Device::Cuda(index)),
        count => Err(Error::NoDevice {
            asked: text.to_owned(),
            found: found(count),
        }),
    }
}

/// A device's name for the record: the processor's model, or the GPU's.
pub fn device_name(device: Device) -> String {
    let (file, key) = match device {
        Device::Cuda(index) => (gpu_information(index), "Model"),
        _ => (Some("/proc/cpuinfo".into()), "model name"),
    };
    file.and_then(|file| std::fs::read_to_string(file).ok())
        .and_then(|text| field(&text, key))
        .unwrap_or_else(|| format!("{device:?}").to_lowercase())
}

fn found(count: usize) -> String {
    match count {
        0 => "libtorch finds no GPU here".to_owned(),
        1 => "the only GPU here is cuda:0".to_owned(),
        _ => format!("the GPUs here are cuda:0 to cuda:{}", count - 1),
    }
}

/// The driver's page on a GPU, in the order of the bus, which is libtorch's unless the environment
/// reorders them.
fn gpu_information(index: usize) -> Option<std::path::PathBuf> {
    let folders = std::fs::read_dir("/proc/driver/nvidia/gpus").ok()?;
    let mut folders: Vec<_> = folders.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    Some(folders.get(index)?.join("information"))
}

fn field(text: &str, key: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_and_missing_ones_named() {
        assert_eq!(parse_device("cpu").unwrap(), Device::Cpu);
        let word = parse_device("gpu").unwrap_err().to_string();
        assert_eq!(word, "device: expected cpu, cuda or cuda:N, got `gpu`");
        let index = gpu_count();
        let missing = parse_device(&format!("cuda:{index}"))
            .unwrap_err()
            .to_string();
        assert!(
            missing.starts_with(&format!("device `cuda:{index}`: ")),
            "{missing}"
        );
        assert!(missing.ends_with("use --device cpu"), "{missing}");
    }

    #[test]
    fn a_failure_with_a_scalar_is_an_error() {
        let failed: Result<()> = caught(|| {
            let whole = crate::Tensor::f_ones([3], (crate::Kind::Int64, Device::Cpu))?;
            let _inverse = whole.f_pow_tensor_scalar(-1)?;
            Ok(())
        });
        let message = failed.unwrap_err().to_string();
        assert!(message.contains("negative integer powers"), "{message}");
        let panicked: Result<()> = caught(|| panic!("CUDA out of memory"));
        assert!(panicked.unwrap_err().is_out_of_memory());
    }

    #[test]
    fn the_processor_has_a_name() {
        let text = "processor : 0\nmodel name\t: Some CPU @ 2 GHz\n";
        assert_eq!(
            field(text, "model name").as_deref(),
            Some("Some CPU @ 2 GHz")
        );
        assert!(!device_name(Device::Cpu).is_empty());
    }
}
