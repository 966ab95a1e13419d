//! What a lab call can fail with.

use abi_stable::{StableAbi, std_types::RString};
use serde::{Deserialize, Serialize};

/// Whose fault a failed call is.
#[repr(u8)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The plugin asked for something that makes no sense; nothing was done.
    Invalid,
    /// The host could not carry out a sensible request.
    Failed,
    /// One side panicked; the panic was caught before it crossed the boundary.
    Panicked,
}

/// Why a lab call, or a whole trial, failed.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct LabError {
    /// Whose fault it is.
    pub kind: ErrorKind,
    /// What failed, where, expected and got; lower case, no full stop.
    pub message: RString,
}

impl LabError {
    /// The plugin's own mistake, or its wish to give up on the trial with a reason.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// The host could not do what was asked.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// From what `catch_unwind` caught.
    pub fn panicked(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        Self::new(ErrorKind::Panicked, format!("panicked: {text}"))
    }

    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = RString::from(message.into());
        Self { kind, message }
    }
}
