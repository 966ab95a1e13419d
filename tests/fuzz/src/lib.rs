//! What the fuzz targets share.

use std::alloc::System;

use cap::Cap;

/// Rust's share of a target's memory. What asks for more, as from a length that nobody checked, ends
/// the process, which counts as a crash; libFuzzer's `-rss_limit_mb` holds down libtorch's and zstd's.
#[global_allocator]
pub static MEMORY: Cap<System> = Cap::new(System, 1 << 29);

/// Complaints are one line, whatever was read.
///
/// # Panics
/// Where it isn't, or holds what a terminal would obey.
pub fn one_line(complaint: &impl std::fmt::Display) {
    let text = complaint.to_string();
    assert!(
        !text.is_empty() && !text.contains(char::is_control),
        "{text:?}"
    );
}
