//! One run, from a request to a report.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::folder::RunFolder;
use super::prepare::{Planned, Prepared, Request};
use super::progress::{Progress, readable};
use super::supervisor::{STOP, Supervisor};
use crate::error::{Error, Result};
use crate::hypothesis::Registration;
use crate::journal::{self, Manifest};
use crate::plugins::Roots;

/// Runs what the journal lacks, then reports; `true` where some trial failed.
///
/// # Errors
/// Where the input is bad, the folder belongs to another run, or the run can't go on. What was
/// finished is in the journal.
pub fn run(request: &Request, roots: &Roots) -> Result<bool> {
    let prepared = request.prepare(roots)?;
    let folder = RunFolder::claim(&prepared.path, request.fresh)?;
    write_down(&folder.path, &prepared.manifest, &prepared.registrations)?;
    mend(&folder.path.join("journal"))?;
    run_plan(&prepared, request.device)?;
    let failed = crate::report::write(&folder.path, roots)?;
    println!("\nwritten to {}", folder.path.display());
    for reason in failed.iter().take(5) {
        eprintln!("failed: {reason}");
    }
    if !failed.is_empty() {
        let count = failed.len();
        eprintln!("{count} trials failed; trials.csv has every reason");
    }
    let hypotheses = prepared.manifest.hypotheses.iter();
    let refused = hypotheses.filter_map(|hypothesis| hypothesis.refused.as_ref());
    let refused = refused.inspect(|reason| eprintln!("refused: {reason}"));
    Ok(refused.count() > 0 || !failed.is_empty())
}

/// Sets damaged segments aside; their trials are run again.
fn mend(journal: &Path) -> Result<()> {
    for path in journal::segments(journal)? {
        if let Err(damaged) = journal::read::<serde::de::IgnoredAny>(&path)? {
            let aside = journal::set_aside(&damaged)?;
            let aside = aside.file_name().unwrap_or_default().display();
            eprintln!("{damaged}; set aside as {aside}, its trials are run again");
        }
    }
    Ok(())
}

/// Runs what is left of the plan.
fn run_plan(prepared: &Prepared, device: &str) -> Result<()> {
    let planned = prepared.plan(false)?;
    announce(prepared, &planned, device);
    let open = planned.plan.trials - planned.plan.done;
    if open == 0 {
        return Ok(());
    }
    // A second handler can't be set; the first does the same.
    let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed));
    let supervisor = Supervisor {
        run: &prepared.path,
        manifest: &prepared.manifest,
        plugins: prepared.plugins.clone(),
        device: device.to_string(),
        workers: prepared.workers,
    };
    let started = Instant::now();
    let mut progress = Progress::new(planned.costs, open);
    let result = supervisor.run(&planned.plan, &mut progress);
    progress.end();
    result?;
    eprintln!(
        "{open} trials in {}",
        readable(started.elapsed().as_secs_f64())
    );
    Ok(())
}

/// Says what will be done and about how long it takes.
fn announce(prepared: &Prepared, planned: &Planned, device: &str) {
    let Manifest {
        organism,
        hypotheses,
        seeds,
        draws,
        ..
    } = &prepared.manifest;
    let Planned {
        plan,
        costs,
        guessed,
    } = planned;
    let arms: usize = hypotheses.iter().map(|known| known.arms.len()).sum();
    let names: Vec<&str> = hypotheses.iter().map(|known| known.name.as_str()).collect();
    eprintln!(
        "{}: {} ({arms} arms) x {seeds} seeds x {draws} draws = {} trials, into {}",
        organism.name,
        names.join(" + "),
        plan.trials,
        prepared.path.display()
    );
    match plan.trials - plan.done {
        0 => eprintln!("all of them are in the journal"),
        open => eprintln!(
            "{open} to run in {} cohorts on {device} ({} worker processes), about {}",
            plan.cohorts(),
            prepared.workers.clamp(1, plan.blocks.len().max(1)),
            readable(costs.total())
        ),
    }
    for reason in guessed {
        eprintln!("of that, a guess: {reason}");
    }
}

/// Writes manifest and pre-registrations, before the first trial.
fn write_down(run: &Path, manifest: &Manifest, all: &[Registration]) -> Result<()> {
    let folder = run.join("hypotheses");
    std::fs::create_dir_all(&folder).map_err(Error::io(&folder, "make the folder"))?;
    for hypothesis in &manifest.hypotheses {
        if let Some(registration) = all.iter().find(|known| known.name == hypothesis.name) {
            let path = folder.join(format!("{}.toml", hypothesis.name));
            journal::write_atomically(&path, registration.text.as_bytes())?;
        }
    }
    manifest.write(run)
}
