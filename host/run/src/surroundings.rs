//! What a run happens in: the state of the repository, the device, its driver.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use picklock_lm::{Device, runtime};
use picklock_message::{Error, Result};
use picklock_process::output;
use picklock_record::{Environment, Organism, precision};

/// How long git and nvidia-smi may take.
const LIMIT: Duration = Duration::from_mins(1);

/// The commit that the workspace is at.
pub fn git_state(workspace: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        let text = output(command.args(arguments).current_dir(workspace), LIMIT).ok()?;
        Some(text.trim().to_string())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    match git(&["status", "--porcelain"])?.as_str() {
        "" => Some(commit),
        _ => Some(format!("{commit}-dirty")),
    }
}

/// The numeric environment of an organism on this device.
pub fn environment(device: Device, organism: &Organism) -> Environment {
    let (device_class, driver) = class(device);
    Environment {
        device: device_class,
        precision: precision(organism),
        memory_mib: memory(device).map(|bytes| bytes >> 20),
        libtorch: runtime::libtorch_version().to_string(),
        threads: 1,
        driver,
    }
}

/// The class of a device, and its driver.
fn class(device: Device) -> (String, Option<String>) {
    match device {
        Device::Cuda(index) => gpu(index),
        _ => (cpu(), None),
    }
}

/// The vector instructions decide which kernels libtorch takes.
fn cpu() -> String {
    format!("cpu {}{}", std::env::consts::ARCH, vectors())
}

#[cfg(target_arch = "x86_64")]
fn vectors() -> &'static str {
    if std::is_x86_feature_detected!("avx512f") {
        " avx512"
    } else if std::is_x86_feature_detected!("avx2") {
        " avx2"
    } else {
        " no avx2"
    }
}

/// Elsewhere the architecture alone decides.
#[cfg(not(target_arch = "x86_64"))]
fn vectors() -> &'static str {
    ""
}

/// The GPU's name and driver, as its own tool says.
fn gpu(index: usize) -> (String, Option<String>) {
    match ask(index, "name,driver_version").split_once(", ") {
        Some((name, driver)) => (name.to_string(), Some(driver.to_string())),
        None => ("cuda".to_string(), None),
    }
}

/// Bytes of a GPU's memory; none where it isn't known, or on a CPU.
pub fn memory(device: Device) -> Option<u64> {
    let Device::Cuda(index) = device else {
        return None;
    };
    let mebibytes: u64 = ask(index, "memory.total").split(' ').next()?.parse().ok()?;
    Some(mebibytes << 20)
}

/// What a GPU's own tool says of it.
fn ask(index: usize, query: &str) -> String {
    // Its own number on this machine, where some are hidden.
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").unwrap_or_default();
    let id = visible.split(',').nth(index).filter(|id| !id.is_empty());
    let id = id.map_or_else(|| index.to_string(), str::to_string);
    let (query, id) = (format!("--query-gpu={query}"), format!("--id={id}"));
    let mut command = Command::new("nvidia-smi");
    let text = output(
        command.args([query.as_str(), "--format=csv,noheader", &id]),
        LIMIT,
    );
    text.unwrap_or_default().trim().to_string()
}

/// The class of device that a run is on, and the device of each of its workers: one each, or on a CPU
/// `workers` of them, else one a core.
///
/// # Errors
/// Where one is not there, is named twice, or is of another kind than the first.
pub fn devices(asked: &[String], workers: Option<usize>) -> Result<(Device, Vec<String>)> {
    let given = match asked {
        [one] if one == "slurm" => of_slurm()?,
        _ => asked.to_vec(),
    };
    let asked = &given;
    let parse = |device: &String| Ok(runtime::parse_device(device)?);
    let parsed: Vec<Device> = asked.iter().map(parse).collect::<Result<_>>()?;
    let first = parsed.first().copied().unwrap_or(Device::Cpu);
    if first == Device::Cpu && parsed.len() <= 1 {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = workers.unwrap_or(cores);
        return Ok((first, vec!["cpu".to_string(); workers]));
    }
    if workers.is_some() {
        let problem = "--workers counts processes on a CPU; a GPU has one worker";
        return Err(Error::Usage(problem.into()));
    }
    let kind = |device: &Device| {
        let memory = memory(*device).map(|bytes| format!(" with {} MiB", bytes >> 20));
        class(*device).0 + &memory.unwrap_or_default()
    };
    for (index, device) in parsed.iter().enumerate() {
        if parsed[..index].contains(device) {
            let twice = &asked[index];
            return Err(Error::Usage(format!("--devices names {twice} twice")));
        }
        if kind(device) != kind(&first) {
            let (one, other) = (kind(&first), kind(device));
            return Err(Error::Usage(format!(
                "--devices: a run has devices of one kind, got {one} and {other}"
            )));
        }
    }
    Ok((first, given))
}

/// The GPUs that Slurm gave this job.
fn of_slurm() -> Result<Vec<String>> {
    let gpus = picklock_process::gpus(runtime::gpu_count());
    let problem = match picklock_process::job_here() {
        None => "no Slurm job here, as SLURM_JOB_ID is not set",
        Some(_) if gpus.is_empty() => "Slurm gave this job no GPU; ask for one with --gres gpu:1",
        Some(_) => return Ok(gpus),
    };
    let advice = "or give --devices cpu";
    Err(Error::Usage(format!(
        "--devices slurm: {problem}, {advice}"
    )))
}
