//! Libraries of this build: plugin files, changed copies of them, and the one that makes faults.

use std::path::{Path, PathBuf};

use crate::built;

/// The bytes of a shipped plugin.
///
/// # Panics
/// Where the workspace isn't built.
pub fn built_plugin(name: &str) -> Vec<u8> {
    read(&built().join(format!("libpicklock_{}.so", name.replace('-', "_"))))
}

/// The bytes of the plugin in `tests/fixtures`, which is built with the tests.
///
/// # Panics
/// Where it isn't built.
pub fn built_fixture() -> Vec<u8> {
    read(&built().join("examples/libmisbehaving.so"))
}

/// The library that makes faults in a picklock into which it is preloaded.
pub fn built_faults() -> PathBuf {
    built().join("examples/libfaults.so")
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; give: cargo build --workspace --all-targets",
            path.display()
        )
    })
}

/// A copy with `from`, which must be there once, replaced by as many other bytes.
///
/// # Panics
/// Where it is there more often, or not at all.
pub fn patched(plugin: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> = plugin
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from)
        .map(|(place, _)| place)
        .collect();
    let [place] = places.as_slice() else {
        panic!("{} is there {} times", from.escape_ascii(), places.len());
    };
    let mut copy = plugin.to_vec();
    copy[*place..place + to.len()].copy_from_slice(to);
    copy
}
