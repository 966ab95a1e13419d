//! The journal: what is written down. One compressed segment for each finished cohort, written
//! aside, synced and renamed, so that a segment is either there whole or not at all.

mod manifest;
mod segment;

pub use manifest::{Environment, Geometry, Manifest, RunHypothesis, RunPlugin};
pub use segment::{Segment, Trial, read, segments, set_aside, write};

use std::io::{BufWriter, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Replaces a file's contents: they are written aside, synced and renamed over it.
///
/// # Errors
/// Where the folder can't be written, or the disk is full; the old file then stands.
pub fn write_atomically(path: &Path, contents: &[u8]) -> Result<()> {
    write_through(path, |file| file.write_all(contents))
}

/// The same for contents that are better not held in memory.
///
/// # Errors
/// Where the folder can't be written, or the disk is full; the old file then stands.
pub fn write_through(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let refused = || Error::io(path, "write");
    let aside = tempfile::Builder::new()
        .prefix(".aside-")
        .tempfile_in(folder)
        .map_err(refused())?;
    let mut buffered = BufWriter::with_capacity(1 << 16, aside);
    write(&mut buffered).map_err(refused())?;
    let aside = buffered
        .into_inner()
        .map_err(|error| refused()(error.into_error()))?;
    let file = aside.as_file();
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.set_permissions(readable).map_err(refused())?;
    file.sync_all().map_err(refused())?;
    aside
        .persist(path)
        .map_err(|error| refused()(error.error))?;
    Ok(())
}
