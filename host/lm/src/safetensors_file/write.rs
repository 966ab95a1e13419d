//! Writing: aside first, then over what was there.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use super::header::damaged;
use crate::{Error, Result, Tensor};

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
