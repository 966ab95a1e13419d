//! Reports: what a journal says. Everything here derives from the run's folder alone.

mod curve;
mod evidence;
mod files;
mod judgement;
mod show;
mod terminal;

use std::path::Path;

pub use evidence::Evidence;
pub use judgement::Report;
pub use show::{Show, show};

use crate::error::Result;

/// Rebuilds a run's derived files and prints its tables.
///
/// # Errors
/// Where the folder holds no readable run, or can't be written.
pub fn write(run: &Path) -> Result<()> {
    let evidence = Evidence::read(run)?;
    let report = Report::new(&evidence)?;
    files::write(run, &evidence, &report)?;
    curve::write(run, &evidence)?;
    print!("{}", terminal::tables(&evidence, &report));
    Ok(())
}
