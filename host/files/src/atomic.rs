//! Files that are there whole or not at all: written aside, synced and renamed.

use std::io::{BufWriter, Write};
use std::path::Path;

use picklock_message::{Error, Result};
use tempfile::NamedTempFile;

/// How the names begin of files that are being written; a killed process leaves them.
pub const ASIDE: &str = ".aside-";

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
    let aside = write_aside(path, write)?.into_temp_path();
    // By the C library, before which the tests can end the process.
    std::fs::rename(&aside, path).map_err(Error::io(path, "write"))?;
    // It has another name now, and nothing is left to remove.
    let _ = aside.keep();
    Ok(())
}

/// Writes a file that must not be there yet; `false` where it is, whoever was first.
///
/// # Errors
/// Where the folder can't be written, or the disk is full.
pub fn write_first(path: &Path, contents: &[u8]) -> Result<bool> {
    let aside = write_aside(path, |file| file.write_all(contents))?;
    match aside.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::io(path, "write")(error.error)),
    }
}

/// Writes and syncs what is to become the file at `path`.
fn write_aside(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let refused = || Error::io(path, "write");
    let aside = tempfile::Builder::new()
        .prefix(ASIDE)
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
    Ok(aside)
}
