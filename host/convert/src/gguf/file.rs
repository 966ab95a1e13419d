//! A GGUF file: its metadata, and its tensors as floating-point numbers.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use picklock_message::{Error, Result};

use super::header::{self, Header};
use super::metadata::Metadata;

/// An open file whose header has been checked.
pub struct GgufFile {
    path: PathBuf,
    file: File,
    header: Header,
}

impl GgufFile {
    /// Opens a file.
    ///
    /// # Errors
    /// Where it can't be read, or is no GGUF file that can be understood.
    pub fn open(path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        let mut read = || {
            let file = File::open(path)?;
            (&file).take(header::LONGEST).read_to_end(&mut bytes)?;
            Ok((file.metadata()?.len(), file))
        };
        let (length, file) = read().map_err(Error::io(path, "read"))?;
        let header = header::read(&bytes, length).map_err(|problem| Error::file(path, problem))?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
            header,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says of itself.
    pub fn metadata(&self) -> Metadata<'_> {
        Metadata(&self.header.metadata)
    }

    /// The names of its tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.header.tensors.keys().map(String::as_str)
    }

    /// A tensor's shape, rows first; none where there is no such tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        Some(&self.header.tensors.get(name)?.shape)
    }

    /// Some of a tensor's rows as floating-point numbers, one row after another. A tensor of one
    /// dimension is one row.
    ///
    /// # Errors
    /// Where there are no such rows, or the file can't be read.
    pub fn rows(&self, name: &str, rows: Range<usize>) -> Result<Vec<f32>> {
        let refused = |problem: String| self.refuse(&format!("tensor `{name}`: {problem}"));
        let Some(tensor) = self.header.tensors.get(name) else {
            return Err(refused("it is missing".into()));
        };
        let (kind, columns) = (tensor.kind, tensor.shape.last().copied().unwrap_or(0));
        let size = |rows: usize| rows * columns / kind.block_size * kind.type_size;
        let mut blocks = vec![0; size(rows.len())];
        let start = tensor.start + size(rows.start) as u64;
        let mut file = &self.file;
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.read_exact(&mut blocks))
            .map_err(|error| refused(error.to_string()))?;
        Ok(kind.dequantize(&blocks))
    }

    /// An error about this file.
    pub fn refuse(&self, problem: &str) -> Error {
        Error::file(&self.path, problem)
    }
}
