//! A value of a GGUF file's metadata.

/// The type of texts by its number in a file.
pub const STRING: u32 = 8;
/// The type of lists.
pub const ARRAY: u32 = 9;
/// The types of two whole numbers.
pub const U32: u32 = 4;
pub const I32: u32 = 5;

/// Names of types by their numbers.
const NAMES: [&str; 13] = [
    "U8", "I8", "U16", "I16", "U32", "I32", "F32", "Bool", "String", "Array", "U64", "I64", "F64",
];

/// Bytes of values by the numbers of their types; 0 where they differ.
const SIZES: [u64; 13] = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    /// A whole number and its type.
    Integer(u32, i128),
    F32(f32),
    F64(f64),
    Bool(bool),
    String(String),
    Array(Vec<Value>),
}

impl Value {
    /// A value of fixed size from its bits.
    ///
    /// # Errors
    /// Where it is neither true nor false.
    pub fn from_bits(kind: u32, bits: u64) -> Result<Self, String> {
        Ok(match kind {
            6 => Value::F32(f32::from_bits(bits as u32)),
            7 if bits > 1 => return Err(format!("unexpected bool value {bits}")),
            7 => Value::Bool(bits == 1),
            12 => Value::F64(f64::from_bits(bits)),
            1 => Value::Integer(kind, (bits as i8).into()),
            3 => Value::Integer(kind, (bits as i16).into()),
            I32 => Value::Integer(kind, (bits as i32).into()),
            11 => Value::Integer(kind, (bits as i64).into()),
            _ => Value::Integer(kind, bits.into()),
        })
    }

    /// The number of its type.
    pub fn kind(&self) -> u32 {
        match self {
            Value::Integer(kind, _) => *kind,
            Value::F32(_) => 6,
            Value::F64(_) => 12,
            Value::Bool(_) => 7,
            Value::String(_) => STRING,
            Value::Array(_) => ARRAY,
        }
    }

    /// The name of its type.
    pub fn kind_name(&self) -> &'static str {
        NAMES[self.kind() as usize]
    }
}

/// Bytes of a value of a type, where that is fixed.
pub fn size(kind: u32) -> Option<u64> {
    SIZES.get(kind as usize).copied().filter(|size| *size > 0)
}
