//! The header of a GGUF file, checked against the file before candle reads it.
//!
//! candle 0.11 names neither the tensor whose type it doesn't know nor the key that is damaged, and
//! panics at an alignment of 0 and at shapes whose product overflows. Format: GGUF 2 and 3,
//! <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::collections::HashSet;

use candle_core::quantized::GgmlDType;

/// The longest header that is believed, in bytes: ten times that of a vocabulary of 150,000 words.
pub const LONGEST: u64 = 1 << 26;

/// The most elements of all arrays together that are believed.
const MOST_ELEMENTS: u64 = 1 << 24;

const STRING: u32 = 8;
const ARRAY: u32 = 9;
const U32: u32 = 4;

/// Why a header is refused, in words.
type Checked<T> = Result<T, String>;

/// Checks the header of a file: all of its first [`LONGEST`] bytes, or of the file where that is
/// shorter; `length` is the file's.
///
/// # Errors
/// What is wrong, naming the key or tensor.
pub fn check(header: &[u8], length: u64) -> Checked<()> {
    let mut header = Header {
        bytes: header,
        at: 0,
        length,
    };
    let (tensors, keys) = header.start()?;
    let mut alignment = 32;
    let mut elements = 0;
    for index in 0..keys {
        let key = header.string(&format!("metadata key {index}"))?;
        let value = header.value(&key, &mut elements)?;
        if key == "general.alignment" {
            alignment = value
                .filter(|bytes| bytes.is_power_of_two())
                .map(u64::from)
                .ok_or("`general.alignment`: expected a power of 2 as a 32-bit number")?;
        }
    }
    let mut places = Vec::new();
    let mut names = HashSet::new();
    for index in 0..tensors {
        let name = header.string(&format!("name of tensor {index}"))?;
        places.push((name.clone(), header.tensor(&name)?));
        if !names.insert(name.clone()) {
            return Err(format!("tensor `{name}` is there twice"));
        }
    }
    let start = (header.at as u64).next_multiple_of(alignment);
    let available = length.saturating_sub(start);
    for (name, (offset, bytes)) in places {
        let end = offset.checked_add(bytes);
        if end.is_none_or(|end| end > available) {
            return Err(format!(
                "tensor `{name}`: expected {bytes} bytes at {offset} of the data, got {available} \
                 bytes of data in all; get the file again"
            ));
        }
    }
    Ok(())
}

/// A place in a header.
struct Header<'a> {
    bytes: &'a [u8],
    at: usize,
    length: u64,
}

impl<'a> Header<'a> {
    /// Magic and version; then the number of tensors, and of metadata keys.
    fn start(&mut self) -> Checked<(u64, u64)> {
        if self.bytes.get(..4) != Some(b"GGUF") {
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
        Err(match self.length > LONGEST {
            true => format!("{what}: the header is longer than {LONGEST} bytes"),
            false => format!(
                "{what}: expected {count} more bytes, got {}; get the file again",
                left.len()
            ),
        })
    }

    fn u32(&mut self, what: &str) -> Checked<u32> {
        let bytes = self.take(4, what)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    fn u64(&mut self, what: &str) -> Checked<u64> {
        let bytes = self.take(8, what)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    fn string(&mut self, what: &str) -> Checked<String> {
        let length = self.u64(what)?;
        let text = self.take(length, what)?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// Passes over a value; gives it where it is a 32-bit number. Counts the elements of arrays.
    fn value(&mut self, key: &str, elements: &mut u64) -> Checked<Option<u32>> {
        let what = format!("`{key}`");
        match self.u32(&what)? {
            U32 => return self.u32(&what).map(Some),
            STRING => _ = self.string(&what)?,
            ARRAY => {
                let kind = self.u32(&what)?;
                let count = self.u64(&what)?;
                *elements = elements.saturating_add(count);
                if *elements > MOST_ELEMENTS {
                    return Err(format!(
                        "{what}: an array of {count}, expected fewer elements"
                    ));
                }
                match kind {
                    STRING => (0..count).try_for_each(|_| self.string(&what).map(drop))?,
                    kind => _ = self.take(count * size(kind, &what)?, &what)?,
                }
            }
            kind => _ = self.take(size(kind, &what)?, &what)?,
        }
        Ok(None)
    }

    /// Passes over a tensor; gives where its numbers begin in the data, and how many bytes they take.
    fn tensor(&mut self, name: &str) -> Checked<(u64, u64)> {
        let what = format!("tensor `{name}`");
        let dimensions = self.u32(&what)?;
        if !(1..=4).contains(&dimensions) {
            return Err(format!("{what}: {dimensions} dimensions, expected 1 to 4"));
        }
        let shape = (0..dimensions).map(|_| self.u64(&what));
        let shape = shape.collect::<Checked<Vec<u64>>>()?;
        let kind = quantisation(self.u32(&what)?).map_err(|error| format!("{what} {error}"))?;
        let offset = self.u64(&what)?;
        let block = kind.block_size() as u64;
        // GGUF names the dimension of neighbouring numbers first.
        let whole = shape[0].is_multiple_of(block) && !shape.contains(&0);
        let numbers = shape
            .iter()
            .try_fold(1, |product: u64, size| product.checked_mul(*size));
        let bytes =
            numbers.and_then(|numbers| (numbers / block).checked_mul(kind.type_size() as u64));
        match bytes {
            Some(bytes) if whole => Ok((offset, bytes)),
            _ => Err(format!("{what}: {shape:?} is no shape for {kind:?}")),
        }
    }
}

/// Bytes of a plain value.
fn size(kind: u32, what: &str) -> Checked<u64> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        other => Err(format!(
            "{what}: value type {other}, expected 0 to 8 or 10 to 12"
        )),
    }
}

/// A tensor type by its number in the file.
fn quantisation(number: u32) -> Checked<GgmlDType> {
    Ok(match number {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        other => {
            let name = UNSUPPORTED.iter().find(|(known, _)| *known == other);
            let name = name.map_or("unknown", |(_, name)| name);
            return Err(format!(
                "has numbers of type {other} ({name}): expected F32, F16, BF16, Q4_0, Q4_1, Q5_0, \
                 Q5_1, Q8_0 or Q2_K to Q6_K"
            ));
        }
    })
}

/// Tensor types that candle can't turn into floating-point numbers.
const UNSUPPORTED: [(u32, &str); 22] = [
    (9, "Q8_1"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (31, "Q4_0_4_4"),
    (32, "Q4_0_4_8"),
    (33, "Q4_0_8_8"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
];
