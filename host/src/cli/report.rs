//! `picklock report`: rebuild what derives from a journal.

use std::path::PathBuf;

use clap::Args;
use picklock_message::{Exit, Result};
use picklock_record::Roots;

/// Rebuild a run's tables and pictures from its journal.
#[derive(Args)]
pub struct Report {
    /// The run's folder.
    run: PathBuf,
}

impl Report {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the folder holds no readable run.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        picklock_report::write(&self.run, roots, false).map(|_| Exit::Done)
    }
}
