//! What a safetensors file holds, and where: a header that is believed only if all of it fits.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use safetensors::tensor::TensorInfo;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::{Error, Result};

/// Where the tensors of a file lie, by name, in a file with so many bytes after its header.
pub(super) fn parse(header: &[u8], available: u64) -> Result<BTreeMap<String, TensorInfo>> {
    let expected = "dtype, shape and data_offsets of each tensor";
    let mut json = serde_json::Deserializer::from_slice(header);
    let entries = json.deserialize_map(Entries);
    let read = entries.and_then(|tensors| json.end().map(|()| tensors));
    let tensors = read.map_err(|error| damaged("header", expected, error))?;
    for (name, info) in &tensors {
        check_entry(name, info, available)?;
    }
    check_order(&tensors, available)?;
    Ok(tensors)
}

/// Reads the entries of a header, each name once.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = BTreeMap<String, TensorInfo>;

    fn expecting(&self, text: &mut fmt::Formatter) -> fmt::Result {
        text.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(
        self,
        mut map: M,
    ) -> std::result::Result<Self::Value, M::Error> {
        let mut entries = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value();
            let info = value.map_err(|error| M::Error::custom(format!("`{name}`: {error}")))?;
            if entries.contains_key(&name) {
                return Err(M::Error::custom(format!("`{name}` twice")));
            }
            entries.insert(name, info);
        }
        Ok(entries)
    }
}

/// Refuses an entry whose place in the file isn't where its shape and type say.
fn check_entry(name: &str, info: &TensorInfo, available: u64) -> Result<()> {
    let size = |total: Option<usize>, size: &usize| total?.checked_mul(*size);
    let bits = info.shape.iter().fold(Some(info.dtype.bitsize()), size);
    let needed = bits.map(|bits| bits.div_ceil(8));
    let (start, end) = info.data_offsets;
    if needed.is_none() || end.checked_sub(start) != needed {
        let needed = needed.map_or_else(|| "fewer".to_owned(), |bytes| bytes.to_string());
        let expected = format!("{needed} bytes for {} {:?}", info.dtype, info.shape);
        let got = format!("{start} to {end}");
        return Err(damaged(format!("place of `{name}`"), expected, got));
    }
    if end as u64 > available {
        let expected = format!("at most {available} bytes, all that the file holds");
        return Err(damaged(format!("end of `{name}`"), expected, end));
    }
    Ok(())
}

/// Refuses tensors that overlap, leave gaps between them, or leave some of the file over.
fn check_order(tensors: &BTreeMap<String, TensorInfo>, available: u64) -> Result<()> {
    let entries = tensors.iter();
    let mut places: Vec<_> = entries
        .map(|(name, info)| (info.data_offsets, name))
        .collect();
    places.sort_unstable();
    let mut used = 0;
    for ((start, end), name) in places {
        if start != used {
            let expected = format!("{used}, where the tensor before it ends");
            return Err(damaged(format!("start of `{name}`"), expected, start));
        }
        used = end;
    }
    if used as u64 != available {
        let expected = format!("{used} bytes");
        return Err(damaged("length of the data", expected, available));
    }
    Ok(())
}

pub(super) fn damaged(
    what: impl Into<String>,
    expected: impl Into<String>,
    got: impl Display,
) -> Error {
    Error::damaged(["safetensors file", "file"], what, expected, got)
}
