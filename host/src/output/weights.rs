//! Weights that have been written.

use std::path::Path;

use picklock_family::Architecture;
use picklock_lm::{Storage, Written};
use picklock_message::grouped;

/// What has been written to a folder, in a line.
pub fn weights(
    folder: &Path,
    architecture: &Architecture,
    written: Written,
    storage: Storage,
) -> String {
    let files = match written.files {
        1 => "1 file".to_string(),
        files => format!("{files} files"),
    };
    let exact = match written.rounded {
        0 => "all exact".to_string(),
        rounded => format!("{} of them rounded", grouped(rounded)),
    };
    format!(
        "{}: {}, {} weights as {} in {files}, {exact}",
        folder.display(),
        architecture.name(),
        grouped(written.weights),
        storage.stored.name(),
    )
}
