//! `picklock plugins`: what is trusted.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::error::{Error, Result};
use crate::plugins::{PluginFile, Roots, TrustList, check_permissions};

/// Manage plugin files.
#[derive(Args)]
pub struct Plugins {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Trust plugin files from now on: write their SHA-256 to plugins.lock.
    Trust {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

impl Plugins {
    /// Runs the command.
    ///
    /// # Errors
    /// Where a file is no plugin, or can be written by others.
    pub fn main(&self, roots: &Roots) -> Result<bool> {
        let Command::Trust { files } = &self.command;
        let root = roots.first().ok_or_else(|| {
            Error::Usage("no folder to trust plugins in; name one with --plugins DIR".into())
        })?;
        let mut list = TrustList::of(root)?;
        for path in files {
            check_permissions(path)?;
            let file = PluginFile::read(path)?;
            list.add(&file)?;
            println!("{} {} trusted: {}", file.name, file.version, file.hash);
        }
        Ok(false)
    }
}
