//! Everything that can go wrong here, with the data that a reader of the message needs.

use std::path::{Path, PathBuf};

use picklock_message::printable;

/// What a function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation on models failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// libtorch refused an operation.
    #[error("libtorch: {}", first_line(.0))]
    Torch(#[from] tch::TchError),
    /// A file could not be read or written.
    #[error("{}: {source}", printable(.path.display()))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A checkpoint file is at fault; `source` says how.
    #[error("{}: {}", printable(.path.display()), printable(.source))]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// A folder isn't one, or has not what a model needs.
    #[error("expected {expected}, got {got}; {advice}")]
    Folder {
        /// What should be there.
        expected: &'static str,
        /// What is.
        got: String,
        /// What to do.
        advice: String,
    },
    /// A folder's configuration can't be read, or honoured.
    #[error(transparent)]
    Family(picklock_family::Error),
    /// A recipe out of range.
    #[error(transparent)]
    Recipe(#[from] picklock_sdk::LabError),
    /// A safetensors file, or an index of shards, contradicts itself or the other.
    #[error("damaged {file}: {what}: expected {expected}, got {got}; get the {again} again")]
    Damaged {
        /// The kind of file.
        file: &'static str,
        /// What to get again.
        again: &'static str,
        /// The part that is wrong.
        what: String,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// A parameter of the architecture isn't among the tensors.
    #[error("tensor `{tensor}` is missing: expected shape {expected:?}")]
    MissingTensor {
        /// The parameter.
        tensor: String,
        /// Its shape, without the replica dimension.
        expected: Vec<i64>,
    },
    /// A tensor that the architecture has no place for.
    #[error("tensor `{tensor}` is not a parameter of this {architecture} model")]
    ExtraTensor {
        /// The tensor.
        tensor: String,
        /// The model family.
        architecture: &'static str,
    },
    /// A tensor has the wrong shape.
    #[error("tensor `{tensor}`: expected shape {expected:?}, got {got:?}")]
    Misshapen {
        /// The tensor.
        tensor: String,
        /// The shape that the configuration asks for.
        expected: Vec<i64>,
        /// The shape that it has.
        got: Vec<i64>,
    },
    /// A tensor has numbers of the wrong type.
    #[error("tensor `{tensor}`: expected type {expected}, got {got}")]
    DataType {
        /// The tensor.
        tensor: String,
        /// The types that would do.
        expected: &'static str,
        /// The type that it has.
        got: String,
    },
    /// A weight isn't a number, or infinite.
    #[error("tensor `{tensor}`: expected finite numbers, got {got}; train or get the model again")]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// The first kind found.
        got: f64,
    },
    /// A weight is beyond what a storage type can hold.
    #[error("tensor `{tensor}`: a number is too large for {stored}; choose float32 or bfloat16")]
    OutOfRange {
        /// The tensor.
        tensor: String,
        /// The type.
        stored: &'static str,
    },
    /// An argument is out of its range, or doesn't fit another one.
    #[error("{what}: expected {expected}, got {got}")]
    Argument {
        /// The argument.
        what: &'static str,
        /// What would do.
        expected: String,
        /// What was given.
        got: String,
    },
    /// All target weights of a replica are zero, so that its loss isn't defined.
    #[error("replica {replica}: the target weights sum to {sum}: expected more than 0")]
    NoTargets {
        /// The replica, from 0.
        replica: usize,
        /// The sum of its weights.
        sum: f64,
    },
    /// The loss of the last step is not a number, or infinite.
    #[error("replica {replica}: the loss after {steps} steps is {loss}: lower the learning rate")]
    Diverged {
        /// The replica, from 0.
        replica: usize,
        /// Steps done.
        steps: usize,
        /// The loss, in nats.
        loss: f64,
    },
    /// Training was asked to stop.
    #[error("stopped after {steps} steps")]
    Stopped {
        /// Steps done.
        steps: usize,
    },
    /// A device that isn't here.
    #[error("device `{asked}`: {found}; use --device cpu")]
    NoDevice {
        /// The device asked for.
        asked: String,
        /// What there is.
        found: String,
    },
}

impl Error {
    /// Whether a device had too little memory for what was asked of it.
    pub fn is_out_of_memory(&self) -> bool {
        let text = self.to_string();
        let known = ["out of memory", "can't allocate memory"];
        known.iter().any(|known| text.contains(known))
    }

    /// The error for an argument that is out of range.
    pub(crate) fn argument(
        what: &'static str,
        expected: impl Into<String>,
        got: impl std::fmt::Display,
    ) -> Self {
        Self::Argument {
            what,
            expected: expected.into(),
            got: got.to_string(),
        }
    }

    /// The error for a damaged file of a kind; `again` is to be got again.
    pub(crate) fn damaged(
        [file, again]: [&'static str; 2],
        what: impl Into<String>,
        expected: impl Into<String>,
        got: impl std::fmt::Display,
    ) -> Self {
        Self::Damaged {
            file,
            again,
            what: what.into(),
            expected: expected.into(),
            got: got.to_string(),
        }
    }

    /// The error for a parameter that isn't there; its shape, where known, is without replicas.
    pub(crate) fn missing(tensor: &str, shape: &[i64]) -> Self {
        Self::MissingTensor {
            tensor: tensor.to_owned(),
            expected: shape.to_vec(),
        }
    }

    /// Turns the system's error into one that names the file or folder.
    pub(crate) fn io(path: &Path) -> impl Fn(std::io::Error) -> Self + Copy {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// The same error, with the file that it is about in front.
    pub(crate) fn in_file(self, path: impl Into<PathBuf>) -> Self {
        match self {
            named @ (Self::File { .. } | Self::Io { .. }) => named,
            other => Self::File {
                path: path.into(),
                source: Box::new(other),
            },
        }
    }
}

impl From<picklock_family::Error> for Error {
    fn from(error: picklock_family::Error) -> Self {
        match error {
            picklock_family::Error::Io { path, source } => Self::Io { path, source },
            other => Self::Family(other),
        }
    }
}

/// libtorch's message without the C++ frames that follow it.
fn first_line(error: &tch::TchError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

impl From<Error> for picklock_message::Error {
    fn from(error: Error) -> Self {
        if error.is_out_of_memory() {
            Self::OutOfMemory(Box::new(error))
        } else {
            Self::Model(Box::new(error))
        }
    }
}

/// Runs work on models, and turns a panic in it into an error.
///
/// tch 0.24 panics where an operation with a scalar among its arguments fails, out of memory for
/// one: dropping the scalar finds the error before the operation's own result is looked at.
///
/// # Errors
/// What `work` fails with, or [`Error::Torch`] with the panic's message.
pub fn caught<T, E: From<Error>>(
    work: impl FnOnce() -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    done.unwrap_or_else(|payload| {
        let text = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref().map(|text: &&str| (*text).to_owned()))
            .unwrap_or_else(|| "a panic without words".to_owned());
        Err(E::from(Error::Torch(tch::TchError::Torch(text))))
    })
}
