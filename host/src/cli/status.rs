//! `picklock status`: how far a run is, and what to do next.

use std::path::PathBuf;

use clap::Args;

use super::table::table;
use crate::batch::{AtWork, Counts, Failure, Process, Status, now};
use crate::error::{Error, Result};
use crate::plugins::Roots;

/// Reasons of failures that are shown.
const REASONS: usize = 5;

/// Show what of a run is done, running, failed and missing. Exit code 0 when all of it is done.
#[derive(Args)]
pub struct StatusOf {
    /// The run's folder.
    run: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl StatusOf {
    /// Runs the command; `true` where something is left to do.
    ///
    /// # Errors
    /// Where the folder holds no readable run.
    pub fn main(&self, roots: &Roots) -> Result<bool> {
        let status = Status::of(&self.run, roots)?;
        if self.json {
            let text = serde_json::to_string_pretty(&status);
            sayln!("{}", text.map_err(|error| Error::Usage(error.to_string()))?);
        } else {
            say!("{}", text(&status));
        }
        Ok(!status.complete())
    }
}

fn text(status: &Status) -> String {
    let header = [
        "hypothesis",
        "trials",
        "done",
        "running",
        "failed",
        "missing",
    ];
    let counts = status.hypotheses.iter().chain([&status.all]).map(row);
    let rows: Vec<[String; 6]> = [header.map(String::from)]
        .into_iter()
        .chain(counts)
        .collect();
    let mut lines: Vec<String> = status.processes.iter().flat_map(process_lines).collect();
    for failure in status.failures.iter().take(REASONS) {
        let Failure {
            hypothesis,
            arm,
            seed,
            draw,
            reason,
        } = failure;
        lines.push(format!(
            "failed: {hypothesis}/{arm} seed {seed} draw {draw}: {reason}"
        ));
    }
    if status.failures.len() > REASONS {
        lines.push(format!(
            "failed: and {} more",
            status.failures.len() - REASONS
        ));
    }
    let refused = status.hypotheses.iter().filter_map(|h| h.refused.as_ref());
    lines.extend(refused.map(|reason| format!("refused: {reason}")));
    lines.push(format!("next: {}", status.next));
    table(&rows) + &lines.join("\n") + "\n"
}

fn row(counts: &Counts) -> [String; 6] {
    let Counts {
        name,
        trials,
        done,
        running,
        failed,
        missing,
        ..
    } = counts;
    let numbers = [trials, done, running, failed, missing].map(ToString::to_string);
    let [trials, done, running, failed, missing] = numbers;
    [name.clone(), trials, done, running, failed, missing]
}

/// A process, and its workers.
fn process_lines(process: &Process) -> Vec<String> {
    let Process { alive, claim } = process;
    let what = match &claim.shard {
        Some(shard) => format!("shard {shard}"),
        None => "the run".to_string(),
    };
    let (pid, host) = (claim.pid, &claim.host);
    if !alive {
        return vec![format!(
            "stale: {what}, process {pid} on {host}, was killed"
        )];
    }
    let worker = |worker: &AtWork| {
        let AtWork {
            worker: index,
            pid,
            device,
            hypothesis,
            arm,
            ..
        } = worker;
        let seconds = now().saturating_sub(worker.since);
        let trials = worker.members.len();
        format!(
            "  worker {index} (process {pid}, {device}): {hypothesis}/{arm}, {trials} trials, for {seconds} s"
        )
    };
    let first = format!("running: {what}, process {pid} on {host}");
    [first]
        .into_iter()
        .chain(claim.workers.iter().map(worker))
        .collect()
}
