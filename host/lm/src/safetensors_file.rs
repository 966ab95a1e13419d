//! Reading and writing safetensors files, one tensor at a time.
//!
//! Headers are checked against the file's length before anything is allocated. Files are read, not
//! mapped: a file that shrinks under a mapping would kill the process.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde_json::Value;

use crate::{Error, Kind, Result, Tensor};

/// The longest header that is believed, in bytes, as in the safetensors library.
const LONGEST_HEADER: u64 = 100_000_000;

/// An open file whose header has been checked.
pub(crate) struct SafetensorsFile {
    path: PathBuf,
    file: File,
    start: u64,
    tensors: BTreeMap<String, TensorInfo>,
}

impl SafetensorsFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        Self::read_header(path, file, length).map_err(|error| error.in_file(path))
    }

    fn read_header(path: &Path, file: File, length: u64) -> Result<Self> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        if length < 8 {
            return Err(damaged("length", "at least 8 bytes", length));
        }
        let mut size = [0; 8];
        file.read_exact_at(&mut size, 0).map_err(io)?;
        let size = u64::from_le_bytes(size);
        let most = LONGEST_HEADER.min(length - 8);
        if size > most {
            return Err(damaged(
                "header length",
                format!("at most {most} bytes"),
                size,
            ));
        }
        let mut header = vec![0; size as usize];
        file.read_exact_at(&mut header, 8).map_err(io)?;
        let mut entries: BTreeMap<String, Value> = serde_json::from_slice(&header)
            .map_err(|error| damaged("header", "a JSON object", error))?;
        entries.remove("__metadata__");
        let mut tensors = BTreeMap::new();
        for (name, entry) in entries {
            let info = serde_json::from_value(entry).map_err(|error| {
                damaged(
                    format!("header of `{name}`"),
                    "dtype, shape, data_offsets",
                    error,
                )
            })?;
            check_entry(&name, &info, length - 8 - size)?;
            tensors.insert(name, info);
        }
        check_length(&tensors, length - 8 - size)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            start: 8 + size,
            tensors,
        })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor's shape, if it is there.
    pub(crate) fn shape(&self, name: &str) -> Option<Vec<i64>> {
        Some(
            self.tensors
                .get(name)?
                .shape
                .iter()
                .map(|&size| size as i64)
                .collect(),
        )
    }

    /// A tensor as it is stored, on the CPU.
    pub(crate) fn read(&self, name: &str) -> Result<Tensor> {
        let missing = || Error::MissingTensor {
            tensor: name.to_owned(),
            expected: Vec::new(),
        };
        let info = self.tensors.get(name).ok_or_else(missing)?;
        let kind = kind(name, info.dtype)?;
        let (start, end) = info.data_offsets;
        let mut bytes = vec![0; end - start];
        self.file
            .read_exact_at(&mut bytes, self.start + start as u64)
            .map_err(|source| Error::Io {
                path: self.path.clone(),
                source,
            })?;
        let shape: Vec<i64> = info.shape.iter().map(|&size| size as i64).collect();
        Ok(Tensor::f_from_data_size(&bytes, &shape, kind)?)
    }
}

/// Refuses an entry whose place in the file isn't where its shape and type say.
fn check_entry(name: &str, info: &TensorInfo, available: u64) -> Result<()> {
    let size = |total: Option<usize>, size: &usize| total?.checked_mul(*size);
    let needed = info
        .shape
        .iter()
        .fold(Some(info.dtype.bitsize()), size)
        .map(|bits| bits.div_ceil(8));
    let (start, end) = info.data_offsets;
    if needed.is_none() || end.checked_sub(start) != needed {
        let needed = needed.map_or_else(|| "fewer".to_owned(), |bytes| bytes.to_string());
        let expected = format!("{needed} bytes for {} {:?}", info.dtype, info.shape);
        return Err(damaged(
            format!("place of `{name}`"),
            expected,
            format!("{start} to {end}"),
        ));
    }
    if end as u64 > available {
        let expected = format!("at most {available} bytes, all that the file holds");
        return Err(damaged(format!("end of `{name}`"), expected, end));
    }
    Ok(())
}

fn check_length(tensors: &BTreeMap<String, TensorInfo>, available: u64) -> Result<()> {
    let used = tensors
        .values()
        .map(|info| info.data_offsets.1 as u64)
        .max()
        .unwrap_or(0);
    if used != available {
        return Err(damaged(
            "length of the data",
            format!("{used} bytes"),
            available,
        ));
    }
    Ok(())
}

fn damaged(what: impl Into<String>, expected: impl Into<String>, got: impl Display) -> Error {
    Error::Damaged {
        what: what.into(),
        expected: expected.into(),
        got: got.to_string(),
    }
}

fn kind(name: &str, dtype: Dtype) -> Result<Kind> {
    Ok(match dtype {
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::I64 => Kind::Int64,
        Dtype::BOOL => Kind::Bool,
        other => {
            let (tensor, got) = (name.to_owned(), other.to_string());
            return Err(Error::DataType {
                tensor,
                expected: "F32, F16 or BF16",
                got,
            });
        }
    })
}

/// Writes float32 tensors, given by name, aside and then over `path`.
pub(crate) fn write(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
    let mut offset = 0;
    let entries = tensors.iter().map(|(name, tensor)| {
        let shape = tensor.size().iter().map(|&size| size as usize).collect();
        let data_offsets = (offset, offset + 4 * tensor.numel());
        offset = data_offsets.1;
        (
            name.clone(),
            TensorInfo {
                dtype: Dtype::F32,
                shape,
                data_offsets,
            },
        )
    });
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let header = Metadata::new(Some(format), entries.collect())
        .map_err(|error| damaged("header", "tensors that fit a file", error))?;
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    write_aside(path, |file| {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        file.write_all(&(header.len() as u64).to_le_bytes())
            .map_err(io)?;
        file.write_all(&header).map_err(io)?;
        for tensor in tensors.values() {
            file.write_all(&bytes(tensor)?).map_err(io)?;
        }
        Ok(())
    })
}

/// A float32 tensor's numbers, little-endian, row by row.
pub(crate) fn bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    let numbers: Vec<f32> = Vec::try_from(tensor.f_reshape([-1])?)?;
    Ok(numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect())
}

/// Writes a file beside `path`, syncs it, and renames it to `path`.
pub(crate) fn write_aside(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let aside = path.with_file_name(name);
    let written = File::create(&aside).map_err(io).and_then(|file| {
        let mut file = BufWriter::new(file);
        write(&mut file)?;
        file.flush()
            .and_then(|()| file.get_ref().sync_all())
            .map_err(io)
    });
    let renamed = written.and_then(|()| std::fs::rename(&aside, path).map_err(io));
    if renamed.is_err() {
        let _ = std::fs::remove_file(&aside); // it may not be there; the first error is what counts
    }
    renamed
}
