//! Reports: what a journal says. Everything here derives from the run's folder alone.
//!
//! `reading` turns the folder into the `evidence`, `analysis` that into effects, gates and verdicts,
//! each once; `view` puts them into words and numbers, and `render` shows the view: as a page, as
//! Markdown, on the terminal; and the analysis as CSV.

mod analysis;
mod compare;
mod evidence;
mod figure;
pub mod numbers;
mod power;
mod reading;
mod render;
mod show;
mod table;
mod view;

use std::path::Path;

use picklock_files::write_atomically;
use picklock_message::{Error, Result, say, tell};
use picklock_record::{Registration, Root, Roots};

use analysis::Analysis;
use view::{Block, View};

pub use analysis::Lock;
pub use compare::{Form, compare};
pub use evidence::Evidence;
pub use power::{Found, Power, Sizes, core_effect, size};
pub use render::{Align, columns};
pub use show::{Show, block, show};

/// Rebuilds a run's derived files and prints its tables, unless `quiet`; gives the reasons of failed
/// trials.
///
/// # Errors
/// Where the folder holds no readable run, or can't be written.
pub fn write(run: &Path, roots: &Roots, quiet: bool) -> Result<Vec<String>> {
    let evidence = Evidence::read(run)?;
    let analysis = Analysis::new(&evidence)?;
    let view = View::new(&analysis, &changed(&evidence, roots));
    render::csv::write(run, &analysis)?;
    write_figures(&run.join(figure::FOLDER), &view)?;
    write_atomically(&run.join("report.html"), render::page(&view).as_bytes())?;
    write_atomically(&run.join("report.md"), render::markdown(&view).as_bytes())?;
    if !quiet {
        for note in &view.notes {
            tell!("{note}");
        }
        say!("{}", render::tables(&view));
    }
    let failures = evidence.failures().map(|(arm, member, reason)| {
        format!("{arm} seed {} draw {}: {reason}", member.seed, member.draw)
    });
    Ok(failures.collect())
}

/// Writes each picture as a file of its own, and removes those that the report no longer has.
fn write_figures(folder: &Path, view: &View) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::io(folder, "make the folder"))?;
    let blocks = view.sections.iter().flat_map(|section| &section.blocks);
    let mut written = Vec::new();
    for block in blocks {
        if let Block::Figure(figure) = block {
            let path = folder.join(format!("{}.svg", figure.id));
            write_atomically(&path, figure.file().as_bytes())?;
            written.push(path);
        }
    }
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder, "read"))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let ours = path.extension().is_some_and(|extension| extension == "svg");
        if ours && !written.contains(&path) {
            std::fs::remove_file(&path).map_err(Error::io(&path, "remove"))?;
        }
    }
    Ok(())
}

/// Pre-registrations whose files are no longer what the run was registered by.
fn changed(evidence: &Evidence, roots: &Roots) -> Vec<String> {
    let files = roots.files(Root::hypotheses, "toml");
    let now = |name: &str| {
        let file = files
            .iter()
            .find(|file| file.file_stem().is_some_and(|stem| stem == name))?;
        Registration::read(file).ok()?.hash
    };
    let copies = evidence.registrations.iter();
    copies
        .filter(|copy| now(&copy.name).is_some_and(|now| copy.hash != Some(now)))
        .map(|copy| copy.name.clone())
        .collect()
}
