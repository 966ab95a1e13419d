//! `picklock power`: how many seeds it takes to show something.

use std::path::PathBuf;

use clap::Args;
use picklock_message::{Error, Exit, Result, say};
use picklock_record::{Roots, hypothesis, organism};
use picklock_report::{Evidence, Sizes};

use crate::args::number::{COUNT, real, whole};

/// Say how many seeds each prediction takes to find a true size with 80% power.
#[derive(Args)]
pub struct Power {
    /// Hypotheses. [default: all]
    hypotheses: Vec<String>,
    /// The effect to find, or the margin around 0, in percentage points.
    #[arg(long, default_value_t = 10.0, value_name = "N", value_parser = real(0.0..=100.0), allow_negative_numbers = true)]
    points: f64,
    /// Core's effect in percentage points, of which other margins and ratios are shares. [default:
    /// that of the run given by --from, else 25]
    #[arg(long, value_name = "N", value_parser = real(0.0..=100.0), allow_negative_numbers = true)]
    core: Option<f64>,
    /// A run whose noise is taken instead of an assumed one.
    #[arg(long, value_name = "RUN")]
    from: Option<PathBuf>,
    /// A preset, or the path of an organism file: its problems count.
    #[arg(long, default_value = "tiny", value_name = "NAME")]
    organism: String,
    /// Choices of weak samples within each seed.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = whole::<u32>(COUNT), allow_negative_numbers = true)]
    draws: u32,
}

impl Power {
    /// Runs the command.
    ///
    /// # Errors
    /// Where a name is unknown.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        let all = hypothesis::all(roots)?;
        let chosen = hypothesis::select(&all, &self.hypotheses)?;
        let organism = organism::find(&self.organism, roots)?;
        let from = self.from.as_deref().map(Evidence::read).transpose()?;
        let measured = from.as_ref().and_then(picklock_report::core_effect);
        let power = picklock_report::Power {
            registrations: &chosen,
            size: picklock_report::size(&organism, 2, self.draws),
            from,
        };
        let points = self.points;
        let core = self.core.or(measured).unwrap_or(25.0);
        for (flag, size) in [("--points", points), ("--core", core)] {
            if !(size > 0.0 && size <= 100.0) {
                let problem = format!("{flag}: expected above 0 and up to 100 points, got {size}");
                return Err(Error::Usage(problem));
            }
        }
        say!("{}", power.seeds(Sizes { points, core }));
        Ok(Exit::Done)
    }
}
