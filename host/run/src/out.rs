//! A worker's messages to its supervisor.

use std::fs::File;
use std::io::Write;

use picklock_message::{Error, Result};

use crate::protocol::FromWorker;

/// The original stdout. Whatever a plugin prints goes to stderr instead.
pub struct Out {
    file: File,
}

impl Out {
    /// Takes stdout over from everything else in this process.
    ///
    /// # Errors
    /// Where it is closed.
    pub fn take() -> Result<Self> {
        let failed = |error: rustix::io::Errno| Error::Worker(format!("stdout: {error}"));
        let file = rustix::io::dup(rustix::stdio::stdout()).map_err(failed)?;
        rustix::stdio::dup2_stdout(rustix::stdio::stderr()).map_err(failed)?;
        Ok(Self {
            file: File::from(file),
        })
    }

    /// Sends a message to the supervisor.
    ///
    /// # Errors
    /// Where stdout can't be written.
    pub fn send(&self, message: &FromWorker) -> Result<()> {
        let failed = |error: std::io::Error| Error::Worker(format!("stdout: {error}"));
        let json = serde_json::to_string(message).map_err(|error| failed(error.into()))?;
        (&self.file)
            .write_all((json + "\n").as_bytes())
            .map_err(failed)
    }
}
