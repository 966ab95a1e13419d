//! Reports: what a journal says. Everything here derives from the run's folder alone.
//!
//! `reading` turns the folder into the `evidence`, `judgement` into verdicts, `view` puts both into
//! words and numbers once, and `render` shows the view: as a page, as Markdown, on the terminal.

mod checks;
mod compare;
mod effect;
mod evidence;
mod figure;
mod files;
mod gate;
mod judgement;
pub mod numbers;
mod power;
mod reading;
mod render;
mod series;
mod show;
#[cfg(test)]
mod synthetic;
mod trial;
mod view;

use std::path::Path;

use picklock_files::write_atomically;
use picklock_message::{Error, Result, say, tell};
use picklock_record::{ArmRef, Member, Outcome, Registration, Root, Roots};

use judgement::Report;
use view::{Block, View, WORDLESS};

pub use compare::{Form, compare};
pub use evidence::Evidence;
pub use gate::Lock;
pub use power::{Found, Power, Sizes, core_effect, size};
pub use show::{Show, block, show};

/// The folder of a run's pictures.
const FIGURES: &str = "figures";

/// Rebuilds a run's derived files and prints its tables, unless `quiet`; gives the reasons of failed
/// trials.
///
/// # Errors
/// Where the folder holds no readable run, or can't be written.
pub fn write(run: &Path, roots: &Roots, quiet: bool) -> Result<Vec<String>> {
    let evidence = Evidence::read(run)?;
    let report = Report::new(&evidence)?;
    let view = View::new(&evidence, &report, &changed(&evidence, roots));
    files::write(run, &evidence, &report)?;
    write_figures(&run.join(FIGURES), &view)?;
    if !view.has_words {
        keep_words(run)?;
    }
    write_atomically(&run.join("report.html"), render::page(&view).as_bytes())?;
    write_atomically(&run.join("report.md"), render::markdown(&view).as_bytes())?;
    if quiet {
        return Ok(failures(&evidence));
    }
    for note in &view.notes {
        tell!("{note}");
    }
    say!("{}", render::tables(&view));
    Ok(failures(&evidence))
}

/// Puts a report that has answers in words aside, before one without takes its place.
fn keep_words(run: &Path) -> Result<()> {
    let markdown = std::fs::read_to_string(run.join("report.md"));
    if markdown.map_or(true, |text| text.contains(WORDLESS)) {
        return Ok(());
    }
    for kind in ["html", "md"] {
        let (from, to) = (
            run.join(format!("report.{kind}")),
            run.join(format!("report-with-answers.{kind}")),
        );
        if from.exists() {
            std::fs::rename(&from, &to).map_err(Error::io(&from, "rename"))?;
        }
    }
    tell!("the report that had answers in words is kept as report-with-answers.html and .md");
    Ok(())
}

/// Writes each picture as a file of its own, and removes those that the report no longer has.
fn write_figures(folder: &Path, view: &View) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::io(folder, "make the folder"))?;
    let blocks = view.sections.iter().flat_map(|section| &section.blocks);
    let figures = blocks.filter_map(|block| match block {
        Block::Figure(figure) => Some((folder.join(format!("{}.svg", figure.id)), figure)),
        _ => None,
    });
    let figures: Vec<_> = figures.collect();
    for (path, figure) in &figures {
        write_atomically(path, figure.file().as_bytes())?;
    }
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder, "read"))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let ours = path.extension().is_some_and(|extension| extension == "svg");
        if ours && figures.iter().all(|(known, _)| *known != path) {
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
    let differs = |copy: &&Registration| now(&copy.name).is_some_and(|now| copy.hash != Some(now));
    evidence
        .registrations
        .iter()
        .filter(differs)
        .map(|copy| copy.name.clone())
        .collect()
}

fn failures(evidence: &Evidence) -> Vec<String> {
    let of_arm = |arm: ArmRef| evidence.trials(&arm).map(move |trial| (arm.clone(), trial));
    let trials = evidence.arms().into_iter().flat_map(of_arm);
    let reason = |(arm, trial): (ArmRef, &trial::Trial)| {
        let Member { seed, draw } = trial.member;
        match &trial.outcome {
            Outcome::Done => None,
            Outcome::Failed { reason } => Some(format!("{arm} seed {seed} draw {draw}: {reason}")),
        }
    };
    trials.filter_map(reason).collect()
}
