//! The header of a GGUF file: metadata and tensors, checked against the file.
//!
//! Format: GGUF 2 and 3, <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::collections::{BTreeMap, HashMap};

use super::dequantize::{GgmlType, TYPES};
use super::value::{self, ARRAY, STRING, U32, Value};

/// The longest header that is believed, in bytes: ten times that of a vocabulary of 150,000 words.
pub const LONGEST: u64 = 1 << 26;

/// The most elements of all arrays together that are believed.
const MOST_ELEMENTS: u64 = 1 << 24;

/// Why a header is refused, in words.
type Checked<T> = Result<T, String>;

/// What a header says.
pub struct Header {
    pub metadata: HashMap<String, Value>,
    pub tensors: BTreeMap<String, TensorInfo>,
}

/// Where a tensor lies.
pub struct TensorInfo {
    pub kind: &'static GgmlType,
    /// Rows first.
    pub shape: Vec<usize>,
    /// The place of its first byte in the file.
    pub start: u64,
    bytes: u64,
}

/// Reads the header of a file from all of its first [`LONGEST`] bytes, or of the file where that is
/// shorter; `length` is the file's.
///
/// # Errors
/// What is wrong, naming the key or tensor.
pub fn read(header: &[u8], length: u64) -> Checked<Header> {
    let mut reader = Reader {
        bytes: header,
        at: 0,
        length,
        elements: 0,
    };
    let (count, keys) = reader.start()?;
    let (mut metadata, mut alignment) = (HashMap::new(), 32);
    for index in 0..keys {
        let key = reader.string(&format!("metadata key {index}"))?;
        let value = reader.value(&key)?;
        if key == "general.alignment" {
            alignment = match value {
                Value::Integer(U32, number) if (number as u32).is_power_of_two() => number as u64,
                _ => return Err(format!("`{key}`: expected a power of 2 as a 32-bit number")),
            };
        }
        metadata.insert(key, value);
    }
    let mut listed = Vec::new();
    for index in 0..count {
        let name = reader.string(&format!("name of tensor {index}"))?;
        let tensor = reader.tensor(&name)?;
        listed.push((name, tensor));
    }
    let data = (reader.at as u64).next_multiple_of(alignment);
    let available = length.saturating_sub(data);
    let mut tensors = BTreeMap::new();
    for (name, mut tensor) in listed {
        let (start, bytes) = (tensor.start, tensor.bytes);
        if start.checked_add(bytes).is_none_or(|end| end > available) {
            return Err(format!(
                "tensor `{name}`: expected {bytes} bytes at {start} of the data, got {available} \
                 bytes of data in all; get the file again"
            ));
        }
        tensor.start += data;
        if tensors.insert(name.clone(), tensor).is_some() {
            return Err(format!("tensor `{name}` is there twice"));
        }
    }
    Ok(Header { metadata, tensors })
}

/// A place in a header.
#[derive(Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    length: u64,
    /// Elements of the arrays so far.
    elements: u64,
}

impl<'a> Reader<'a> {
    /// Magic and version; then the number of tensors, and of metadata keys.
    fn start(&mut self) -> Checked<(u64, u64)> {
        if !self.bytes.starts_with(b"GGUF") {
            return Err("not a GGUF file: it doesn't begin with GGUF".into());
        }
        self.at = 4;
        match self.u32("version")? {
            2 | 3 => Ok((self.u64("number of tensors")?, self.u64("number of keys")?)),
            version if (1..=3).contains(&version.swap_bytes()) => {
                Err("a big-endian GGUF file: expected a little-endian one".into())
            }
            version => Err(format!("GGUF version {version}: expected 2 or 3")),
        }
    }

    fn take(&mut self, count: u64, what: &str) -> Checked<&'a [u8]> {
        let left = &self.bytes[self.at..];
        if count <= left.len() as u64 {
            self.at += count as usize;
            return Ok(&left[..count as usize]);
        }
        Err(if self.length > LONGEST {
            format!("{what}: the header is longer than {LONGEST} bytes")
        } else {
            format!(
                "{what}: expected {count} more bytes, got {}; get the file again",
                left.len()
            )
        })
    }

    /// A little-endian number of up to 8 bytes.
    fn number(&mut self, bytes: u64, what: &str) -> Checked<u64> {
        let bytes = self.take(bytes, what)?.iter().rev();
        Ok(bytes.fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    fn u32(&mut self, what: &str) -> Checked<u32> {
        Ok(self.number(4, what)? as u32)
    }

    fn u64(&mut self, what: &str) -> Checked<u64> {
        self.number(8, what)
    }

    /// A text without the zeros that end it in some files.
    fn string(&mut self, what: &str) -> Checked<String> {
        let length = self.u64(what)?;
        let text = String::from_utf8_lossy(self.take(length, what)?);
        Ok(text.trim_end_matches('\0').into())
    }

    fn value(&mut self, key: &str) -> Checked<Value> {
        let what = format!("`{key}`");
        let kind = self.u32(&what)?;
        if kind != ARRAY {
            return self.plain(kind, &what);
        }
        let (kind, count) = (self.u32(&what)?, self.u64(&what)?);
        self.elements = self.elements.saturating_add(count);
        if self.elements > MOST_ELEMENTS {
            return Err(format!(
                "{what}: an array of {count}, expected fewer elements"
            ));
        }
        if kind != STRING {
            // So that the error says what all of them need.
            Self { ..*self }.take(count * size(kind, &what)?, &what)?;
        }
        let values = (0..count).map(|_| self.plain(kind, &what));
        Ok(Value::Array(values.collect::<Checked<_>>()?))
    }

    /// A value that is no array.
    fn plain(&mut self, kind: u32, what: &str) -> Checked<Value> {
        if kind == STRING {
            return self.string(what).map(Value::String);
        }
        let bits = self.number(size(kind, what)?, what)?;
        Value::from_bits(kind, bits).map_err(|problem| format!("{what}: {problem}"))
    }

    /// A tensor, whose place is the one in the data.
    fn tensor(&mut self, name: &str) -> Checked<TensorInfo> {
        let what = format!("tensor `{name}`");
        let dimensions = self.u32(&what)?;
        if !(1..=4).contains(&dimensions) {
            return Err(format!("{what}: {dimensions} dimensions, expected 1 to 4"));
        }
        let shape = (0..dimensions)
            .map(|_| self.u64(&what))
            .collect::<Checked<Vec<u64>>>()?;
        let kind = ggml_type(self.u32(&what)?).map_err(|error| format!("{what} {error}"))?;
        let start = self.u64(&what)?;
        let block = kind.block_size as u64;
        // GGUF names the dimension of neighbouring numbers first.
        let whole = shape[0].is_multiple_of(block) && !shape.contains(&0);
        let bytes = shape
            .iter()
            .try_fold(1, |product: u64, size| product.checked_mul(*size))
            .and_then(|numbers| (numbers / block).checked_mul(kind.type_size as u64))
            .filter(|_| whole)
            .ok_or_else(|| format!("{what}: {shape:?} is no shape for {}", kind.name))?;
        let shape = shape.iter().rev().map(|size| *size as usize).collect();
        Ok(TensorInfo {
            kind,
            shape,
            start,
            bytes,
        })
    }
}

/// Bytes of a plain value.
fn size(kind: u32, what: &str) -> Checked<u64> {
    value::size(kind)
        .ok_or_else(|| format!("{what}: value type {kind}, expected 0 to 8 or 10 to 12"))
}

/// A tensor type by its number in the file.
fn ggml_type(number: u32) -> Checked<&'static GgmlType> {
    let known = TYPES.iter().find(|known| known.number == number);
    known.ok_or_else(|| {
        let name = NAMES.get(number as usize).unwrap_or(&"unknown");
        format!(
            "has numbers of type {number} ({name}): expected F32, F16, BF16, Q4_0, Q4_1, Q5_0, \
             Q5_1, Q8_0 or Q2_K to Q6_K"
        )
    })
}

/// ggml's names of tensor types, by their numbers.
const NAMES: [&str; 40] = [
    "F32", "F16", "Q4_0", "Q4_1", "unknown", "unknown", "Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q2_K",
    "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL",
    "IQ3_S", "IQ2_S", "IQ4_XS", "I8", "I16", "I32", "I64", "F64", "IQ1_M", "BF16", "Q4_0_4_4",
    "Q4_0_4_8", "Q4_0_8_8", "TQ1_0", "TQ2_0", "unknown", "unknown", "unknown", "MXFP4",
];
