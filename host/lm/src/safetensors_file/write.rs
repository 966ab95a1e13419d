//! Writing: aside first, then over what was there; a tensor at a time, so that no more than that
//! need be in memory.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use picklock_family::Parameter;
use safetensors::tensor::{Metadata, TensorInfo};

use super::header::damaged;
use super::numbers::{PIECE, Stored, not_finite};
use crate::{Device, Error, Kind, Result, Tensor};

/// Takes the numbers of one tensor, in any number of pieces.
pub struct Sink<'a> {
    file: &'a mut BufWriter<File>,
    path: &'a Path,
    tensor: &'a str,
    stored: Stored,
    left: i64,
    rounded: u64,
}

impl Sink<'_> {
    /// Takes the next numbers of the tensor, in the order of its rows; the piece may have
    /// any shape.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for a number that is infinite or none, [`Error::OutOfRange`] for one
    /// that the stored type can't hold, [`Error::Io`] where the file can't be written.
    pub fn write(&mut self, piece: &Tensor) -> Result<()> {
        let piece = piece.f_contiguous()?.f_view([-1])?;
        self.left -= piece.numel() as i64;
        for part in piece.f_split(PIECE as i64, 0)? {
            self.write_part(&part)?;
        }
        Ok(())
    }

    fn write_part(&mut self, part: &Tensor) -> Result<()> {
        let part = part.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?;
        if let Some(got) = not_finite(&part)? {
            let tensor = self.tensor.to_owned();
            return Err(Error::NotFinite { tensor, got });
        }
        let stored = part.f_to_kind(self.stored.kind())?;
        if self.stored != Stored::Float32 {
            let read = stored.f_to_kind(Kind::Float)?;
            if not_finite(&read)?.is_some() {
                return Err(Error::OutOfRange {
                    tensor: self.tensor.to_owned(),
                    stored: self.stored.name(),
                });
            }
            let rounded = read.f_ne_tensor(&part)?.f_sum(Kind::Int64)?;
            self.rounded += rounded.f_int64_value(&[])? as u64;
        }
        let mut bytes = vec![0; part.numel() * self.stored.bytes() as usize];
        stored.f_copy_data_u8(&mut bytes, part.numel())?;
        self.file.write_all(&bytes).map_err(Error::io(self.path))
    }
}

/// Writes tensors aside and then over `path`; `fill` hands over the numbers of each, in the given
/// order. Gives how many of them were rounded.
pub(crate) fn write<E: From<Error>>(
    path: &Path,
    stored: Stored,
    tensors: &[Parameter],
    mut fill: impl FnMut(&Parameter, &mut Sink) -> std::result::Result<(), E>,
) -> std::result::Result<u64, E> {
    let header = header(stored, tensors)?;
    let mut rounded = 0;
    write_aside(path, |file| -> std::result::Result<(), E> {
        file.write_all(&header).map_err(Error::io(path))?;
        for tensor in tensors {
            let left = tensor.numbers() as i64;
            let mut sink = Sink {
                file,
                path,
                tensor: &tensor.name,
                stored,
                left,
                rounded: 0,
            };
            fill(tensor, &mut sink)?;
            if sink.left != 0 {
                let got = left - sink.left;
                return Err(Error::argument("numbers of a tensor", left.to_string(), got).into());
            }
            rounded += sink.rounded;
        }
        Ok(())
    })?;
    Ok(rounded)
}

/// The length of the header, and the header.
fn header(stored: Stored, tensors: &[Parameter]) -> Result<Vec<u8>> {
    let mut offset = 0;
    let info = |tensor: &Parameter| {
        let end = offset + (stored.bytes() * tensor.numbers()) as usize;
        let info = TensorInfo {
            dtype: stored.dtype(),
            shape: tensor.shape.iter().map(|&size| size as usize).collect(),
            data_offsets: (offset, end),
        };
        offset = end;
        (tensor.name.clone(), info)
    };
    let entries = tensors.iter().map(info).collect();
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let unfit = |error: &dyn Display| damaged("header", "tensors that fit a file", error);
    let header = Metadata::new(Some(format), entries).map_err(|error| unfit(&error))?;
    let mut header = serde_json::to_vec(&header).map_err(|error| unfit(&error))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok([&(header.len() as u64).to_le_bytes(), header.as_slice()].concat())
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
pub(crate) fn write_aside<E: From<Error>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let io = |source| E::from(Error::io(path)(source));
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
