//! Reading a model folder's files of text.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::{Error, Result};

/// The longest configuration or index that is read, in bytes.
const LONGEST_JSON: u64 = 1 << 26;

/// Opens a file that is one: a pipe would be waited for, and a device has no end.
///
/// # Errors
/// [`Error::Io`] for anything else, and where it can't be opened.
pub fn open_file(path: &Path) -> Result<File> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(io(std::io::Error::other("not a file")));
    }
    File::open(path).map_err(io)
}

/// A whole configuration or index, of at most 64 MiB.
///
/// # Errors
/// [`Error::Io`] where it can't be read, [`Error::Length`] for a longer one.
pub fn read_small(path: &Path) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = open_file(path)?
        .take(LONGEST_JSON + 1)
        .read_to_end(&mut text);
    read.map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })?;
    if text.len() as u64 > LONGEST_JSON {
        return Err(Error::Length { most: LONGEST_JSON });
    }
    Ok(text)
}
