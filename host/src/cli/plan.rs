//! `picklock plan`: what a run would hold, and what it would cost. Nothing is run or written.

use std::path::PathBuf;

use clap::Args;
use picklock_message::{Exit, Result};
use picklock_record::Roots;

use crate::cli::run::Run;

/// Say what a run would hold and cost, without running it.
#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    run: Run,
    /// An earlier run whose noise is taken, to say what this one could show.
    #[arg(long, value_name = "RUN")]
    from: Option<PathBuf>,
}

impl Plan {
    /// Runs the command; [`Exit::SomeFailed`] where some plugin is refused.
    ///
    /// # Errors
    /// Where the input is bad, or the folder belongs to another run.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        self.run.outlook(self.from.as_deref(), roots)
    }
}
