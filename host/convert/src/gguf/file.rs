//! A GGUF file: its metadata, and its tensors as floating-point numbers.

use std::fs::File;
use std::io::{Cursor, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use candle_core::Device;
use candle_core::quantized::gguf_file::{Content, TensorInfo};
use picklock_message::{Error, Result};

use super::header;
use super::metadata::Metadata;

/// An open file whose header has been checked.
pub struct GgufFile {
    path: PathBuf,
    file: File,
    content: Content,
}

impl GgufFile {
    /// Opens a file.
    ///
    /// # Errors
    /// Where it can't be read, or is no GGUF file that can be understood.
    pub fn open(path: &Path) -> Result<Self> {
        let refused = || Error::io(path, "read");
        let file = File::open(path).map_err(refused())?;
        let length = file.metadata().map_err(refused())?.len();
        let mut bytes = Vec::new();
        let mut start = (&file).take(header::LONGEST);
        start.read_to_end(&mut bytes).map_err(refused())?;
        header::check(&bytes, length).map_err(|problem| Error::file(path, problem))?;
        let content = Content::read(&mut Cursor::new(bytes));
        Ok(Self {
            path: path.to_path_buf(),
            file,
            content: content.map_err(|error| Error::file(path, error.to_string()))?,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says of itself.
    pub fn metadata(&self) -> Metadata<'_> {
        Metadata(&self.content.metadata)
    }

    /// The names of its tensors, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.content.tensor_infos.keys().map(String::as_str)
    }

    /// A tensor's shape, rows first; none where there is no such tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        let tensor = self.content.tensor_infos.get(name);
        tensor.map(|tensor| tensor.shape.dims())
    }

    /// Some of a tensor's rows as floating-point numbers, one row after another. A tensor of one
    /// dimension is one row.
    ///
    /// # Errors
    /// Where there are no such rows, or the file can't be read.
    pub fn rows(&self, name: &str, rows: Range<usize>) -> Result<Vec<f32>> {
        let refused = |problem: String| self.refuse(&format!("tensor `{name}`: {problem}"));
        let Some(tensor) = self.content.tensor_infos.get(name) else {
            return Err(refused("it is missing".into()));
        };
        let (columns, kind) = (row_length(tensor), tensor.ggml_dtype);
        let part = TensorInfo {
            ggml_dtype: kind,
            shape: (rows.len(), columns).into(),
            offset: tensor.offset
                + (rows.start * columns / kind.block_size() * kind.type_size()) as u64,
        };
        let numbers = part
            .read(
                &mut &self.file,
                self.content.tensor_data_offset,
                &Device::Cpu,
            )
            .and_then(|part| part.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1());
        numbers.map_err(|error| refused(error.to_string()))
    }

    /// An error about this file.
    pub fn refuse(&self, problem: &str) -> Error {
        Error::file(&self.path, problem)
    }
}

fn row_length(tensor: &TensorInfo) -> usize {
    tensor.shape.dims().last().copied().unwrap_or(0)
}
