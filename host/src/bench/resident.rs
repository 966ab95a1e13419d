//! The most memory of its own that this process has had, as Linux counts it: pages of the cache that
//! files were read through are none of it.

/// Begins the peak anew, and says how many bytes are resident now; `None` where Linux doesn't tell.
pub fn begin_peak() -> Option<u64> {
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    field("VmRSS:")
}

/// The peak since then, in bytes.
pub fn peak() -> Option<u64> {
    field("VmHWM:")
}

fn field(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(1024 * kilobytes)
}
