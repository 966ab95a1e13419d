//! What can be wrong with a model's configuration.

use std::path::PathBuf;

use picklock_message::printable;

/// What a function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("{}: {source}", printable(.path.display()))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A configuration file is at fault; `source` says how.
    #[error("{}: {}", printable(.path.display()), printable(.source))]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// A configuration isn't JSON.
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A file is longer than any of its kind.
    #[error("length: expected at most {most} bytes, got more")]
    Length {
        /// The longest that is read, in bytes.
        most: u64,
    },
    /// A model family that this crate doesn't know.
    #[error("unsupported architecture `{model_type}`: expected one of {supported}")]
    UnsupportedArchitecture {
        /// `model_type` of the configuration.
        model_type: String,
        /// The families that are known.
        supported: String,
    },
    /// A configuration key has a value that this crate can't honour, or none.
    #[error("config key `{key}`: expected {expected}, got {got}")]
    Config {
        /// The key in `config.json`.
        key: String,
        /// What would be right.
        expected: String,
        /// What is there.
        got: String,
    },
}

impl Error {
    /// The same error, with the file that it is about in front.
    pub(crate) fn in_file(self, path: PathBuf) -> Self {
        match self {
            named @ Self::Io { .. } => named,
            other => Self::File {
                path,
                source: Box::new(other),
            },
        }
    }
}

impl From<Error> for picklock_message::Error {
    fn from(error: Error) -> Self {
        Self::Model(Box::new(error))
    }
}
