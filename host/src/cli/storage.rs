//! What weights are stored in, as the command line names it and as it is told.

use picklock_family::Architecture;
use picklock_lm::{Storage, Stored, Written};
use picklock_message::grouped;

/// A type of numbers, under torch's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Dtype {
    /// 32 bits.
    #[default]
    Float32,
    /// 16 bits, 5 of them exponent.
    Float16,
    /// 16 bits, 8 of them exponent.
    Bfloat16,
}

impl From<Dtype> for Stored {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::Float32 => Self::Float32,
            Dtype::Float16 => Self::Float16,
            Dtype::Bfloat16 => Self::Bfloat16,
        }
    }
}

/// What has been written, in a line.
pub fn summary(architecture: &Architecture, written: Written, storage: Storage) -> String {
    let Written {
        weights,
        rounded,
        files,
    } = written;
    let files = match files {
        1 => "1 file".to_string(),
        files => format!("{files} files"),
    };
    let exact = match rounded {
        0 => "all exact".to_string(),
        rounded => format!("{} of them rounded", grouped(rounded)),
    };
    format!(
        "{}, {} weights as {} in {files}, {exact}",
        architecture.name(),
        grouped(weights),
        storage.stored.name(),
    )
}
