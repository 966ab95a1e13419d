//! Reading and writing safetensors files, a piece of a tensor at a time.
//!
//! Headers are checked against the file's length before anything is allocated. Files are read, not
//! mapped: a file that shrinks under a mapping would kill the process.

mod header;
mod numbers;
mod write;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorInfo;

use crate::{Error, Kind, Result};
use header::damaged;
use numbers::{PIECE, kind};

pub use numbers::Stored;
pub use write::Sink;

pub(crate) use numbers::not_finite;
pub(crate) use write::{bytes, write, write_aside};

/// The longest header that is believed, in bytes, as in the safetensors library.
const LONGEST_HEADER: u64 = 100_000_000;

/// An open file whose header has been checked.
pub(crate) struct SafetensorsFile {
    pub(crate) path: PathBuf,
    file: File,
    start: u64,
    tensors: BTreeMap<String, TensorInfo>,
}

impl SafetensorsFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = picklock_family::open_file(path)?;
        let mut open = Self {
            path: path.to_owned(),
            file,
            start: 0,
            tensors: BTreeMap::new(),
        };
        open.read_header().map_err(|error| error.in_file(path))?;
        Ok(open)
    }

    fn read_header(&mut self) -> Result<()> {
        let metadata = self.file.metadata();
        let length = metadata.map_err(Error::io(&self.path))?.len();
        if length < 8 {
            return Err(damaged("length", "at least 8 bytes", length));
        }
        let mut size = [0; 8];
        self.read_bytes(&mut size, 0)?;
        let size = u64::from_le_bytes(size);
        let most = LONGEST_HEADER.min(length - 8);
        if size > most {
            let expected = format!("at most {most} bytes");
            return Err(damaged("header length", expected, size));
        }
        let mut header = vec![0; size as usize];
        self.read_bytes(&mut header, 8)?;
        self.start = 8 + size;
        self.tensors = header::parse(&header, length - self.start)?;
        Ok(())
    }

    /// Bytes of all tensors.
    pub(crate) fn bytes(&self) -> u64 {
        let ends = self.tensors.values().map(|info| info.data_offsets.1 as u64);
        ends.max().unwrap_or(0)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Refuses a tensor that hasn't this shape, or isn't of floating-point numbers.
    pub(crate) fn check(&self, name: &str, expected: &[i64]) -> Result<()> {
        let info = self.info(name)?;
        let got: Vec<i64> = info.shape.iter().map(|&size| size as i64).collect();
        if got != expected {
            return Err(self.in_file(Error::Misshapen {
                tensor: name.to_owned(),
                expected: expected.to_vec(),
                got,
            }));
        }
        self.place(name).map(drop)
    }

    /// A tensor's type, and where its numbers begin, in bytes.
    pub(crate) fn place(&self, name: &str) -> Result<(Kind, u64)> {
        let info = self.info(name)?;
        let kind = kind(name, info.dtype).map_err(|error| self.in_file(error))?;
        Ok((kind, self.start + info.data_offsets.0 as u64))
    }

    /// Whether two tensors are the same, to the byte.
    pub(crate) fn same(a: (&str, &Self), b: (&str, &Self)) -> Result<bool> {
        let (info, other) = (a.1.info(a.0)?, b.1.info(b.0)?);
        if (info.dtype, &info.shape) != (other.dtype, &other.shape) {
            return Ok(false);
        }
        let mut start = b.1.start + other.data_offsets.0 as u64;
        let mut buffer = Vec::new();
        a.1.pieces(info, |bytes| {
            buffer.resize(bytes.len(), 0);
            b.1.read_bytes(&mut buffer, start)?;
            start += bytes.len() as u64;
            Ok(bytes == buffer)
        })
    }

    /// Hands over a tensor's bytes, whole numbers at a time, while `take` says yes; whether it always
    /// did.
    fn pieces(
        &self,
        info: &TensorInfo,
        mut take: impl FnMut(&[u8]) -> Result<bool>,
    ) -> Result<bool> {
        let (start, end) = info.data_offsets;
        let longest = PIECE * info.dtype.bitsize() / 8;
        let mut buffer = vec![0; longest.min(end - start)];
        for first in (start..end).step_by(longest.max(1)) {
            let piece = &mut buffer[..longest.min(end - first)];
            self.read_bytes(piece, self.start + first as u64)?;
            if !take(piece)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(crate) fn read_bytes(&self, bytes: &mut [u8], start: u64) -> Result<()> {
        let read = self.file.read_exact_at(bytes, start);
        read.map_err(Error::io(&self.path))
    }

    fn info(&self, name: &str) -> Result<&TensorInfo> {
        self.tensors
            .get(name)
            .ok_or_else(|| self.in_file(Error::missing(name, &[])))
    }

    fn in_file(&self, error: Error) -> Error {
        error.in_file(&self.path)
    }
}
