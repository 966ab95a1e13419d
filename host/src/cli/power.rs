//! `picklock power`: how many seeds it takes to show something.

use clap::Args;

use crate::error::Result;
use crate::hypothesis;
use crate::organism;
use crate::plugins::Roots;
use crate::report::{self, Sizes};

/// Say how many seeds each prediction takes to find a true size with 80% power.
#[derive(Args)]
pub struct Power {
    /// Hypotheses. [default: all]
    hypotheses: Vec<String>,
    /// The effect to find, or the margin around 0, in percentage points.
    #[arg(long, default_value_t = 10.0, value_name = "N")]
    points: f64,
    /// Core's effect in percentage points, of which other margins and ratios are shares.
    #[arg(long, default_value_t = 25.0, value_name = "N")]
    core: f64,
    /// A preset, or the path of an organism file: its problems count.
    #[arg(long, default_value = "tiny", value_name = "NAME")]
    organism: String,
    /// Choices of weak samples within each seed.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    draws: u32,
}

impl Power {
    /// Runs the command.
    ///
    /// # Errors
    /// Where a name is unknown.
    pub fn main(&self, roots: &Roots) -> Result<bool> {
        let all = hypothesis::all(roots)?;
        let chosen = hypothesis::select(&all, &self.hypotheses)?;
        let organism = organism::find(&self.organism, roots)?;
        let power = report::Power {
            registrations: &chosen,
            size: report::size(&organism, 2, self.draws),
        };
        let (points, core) = (self.points, self.core);
        print!("{}", power.seeds(Sizes { points, core }));
        Ok(false)
    }
}
