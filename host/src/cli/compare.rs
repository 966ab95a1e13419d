//! `picklock compare`: two runs side by side.

use std::path::PathBuf;

use clap::Args;
use picklock_message::{Exit, Result, say, tell};
use picklock_report::Form;

/// Set two runs side by side: each prediction's effect in both, and the difference.
#[derive(Args)]
pub struct Compare {
    /// The first run's folder.
    first: PathBuf,
    /// The second run's folder, which is subtracted.
    second: PathBuf,
    /// Print a Markdown table.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print JSON, one object for each prediction.
    #[arg(long)]
    json: bool,
}

impl Compare {
    /// Runs the command.
    ///
    /// # Errors
    /// Where a folder holds no readable run, or the two have nothing in common.
    pub fn main(&self) -> Result<Exit> {
        let form = match (self.markdown, self.json) {
            (true, _) => Form::Markdown,
            (_, true) => Form::Json,
            _ => Form::Text,
        };
        let comparison = picklock_report::compare([&self.first, &self.second], form)?;
        for note in &comparison.notes {
            tell!("{note}");
        }
        say!("{}", comparison.text);
        Ok(Exit::Done)
    }
}
