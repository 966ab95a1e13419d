//! `picklock status`: how far a run is, and what to do next.

use std::path::PathBuf;

use clap::Args;
use picklock_message::{Exit, Result, say};
use picklock_record::{BusyWorker, Roots, now};
use picklock_run::{Counts, Failure, Process, Status};
use picklock_slurm::{JobStatus, TaskState, Unreported};

use crate::output::{pretty, table};

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
    /// Runs the command; [`Exit::SomeFailed`] where something is left to do.
    ///
    /// # Errors
    /// Where the folder holds no readable run.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        let status = Status::of(&self.run, roots)?;
        if self.json {
            pretty(&status)?;
        } else {
            say!("{}", text(&status));
        }
        Ok(if status.complete() {
            Exit::Done
        } else {
            Exit::SomeFailed
        })
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
    let mut lines: Vec<String> = status.jobs.iter().flat_map(job_lines).collect();
    lines.extend(status.processes.iter().flat_map(process_lines));
    lines.extend(status.failures.iter().take(REASONS).map(failure_line));
    let more = status.failures.len().saturating_sub(REASONS);
    lines.extend((more > 0).then(|| format!("failed: and {more} more")));
    let refused = status.hypotheses.iter().filter_map(|h| h.refused.as_ref());
    lines.extend(refused.map(|reason| format!("refused: {reason}")));
    lines.push(format!("next: {}", status.next));
    table(header, counts) + &lines.join("\n") + "\n"
}

fn row(counts: &Counts) -> [String; 6] {
    [
        counts.name.clone(),
        counts.trials.to_string(),
        counts.done.to_string(),
        counts.running.to_string(),
        counts.failed.to_string(),
        counts.missing.to_string(),
    ]
}

fn failure_line(failure: &Failure) -> String {
    let (hypothesis, arm, reason) = (&failure.hypothesis, &failure.arm, &failure.reason);
    let (seed, draw) = (failure.seed, failure.draw);
    let log = failure.log.as_ref();
    let log = log.map_or_else(String::new, |log| format!("; log {}", log.display()));
    format!("failed: {hypothesis}/{arm} seed {seed} draw {draw}: {reason}{log}")
}

/// A job, and its tasks that failed.
fn job_lines(job: &JobStatus) -> Vec<String> {
    let in_state = |state: TaskState| job.tasks.iter().filter(move |task| task.state == state);
    let states = [
        (TaskState::Done, "done"),
        (TaskState::Running, "running"),
        (TaskState::Queued, "queued"),
        (TaskState::Failed, "failed"),
        (TaskState::Unknown, "unknown"),
    ];
    let part = |(state, word): &(TaskState, &str)| {
        let count = in_state(*state).count();
        let reason = in_state(*state)
            .find_map(|task| task.reason.as_ref())
            .filter(|_| *state == TaskState::Queued)
            .map_or_else(String::new, |reason| format!(" ({reason})"));
        (count > 0).then(|| format!("{count} {word}{reason}"))
    };
    let parts: Vec<String> = states.iter().filter_map(part).collect();
    let report = match (job.report, job.reports, &job.unreported) {
        (Some(report), Some(true), _) => format!("; job {report} will report"),
        (Some(report), _, Some(Unreported { reason, log })) => {
            let log = log.display();
            format!("; job {report} didn't report: {reason}; log {log}")
        }
        _ => String::new(),
    };
    let mut lines = vec![format!(
        "job {}: tasks: {}{report}",
        job.job,
        parts.join(", ")
    )];
    lines.extend(job.unknown.iter().map(|why| format!("  {why}")));
    lines.extend(in_state(TaskState::Failed).take(REASONS).map(|task| {
        let reason = task.reason.as_deref().unwrap_or_default();
        let (id, shard, log) = (&task.task, &task.shard, task.log.display());
        format!("  task {id} (shard {shard}) failed: {reason}; log {log}")
    }));
    let more = in_state(TaskState::Failed).count().saturating_sub(REASONS);
    lines.extend((more > 0).then(|| format!("  and {more} more failed")));
    lines
}

/// A process, and its workers.
fn process_lines(process: &Process) -> Vec<String> {
    let Process { alive, claim } = process;
    let what = match &claim.shard {
        Some(shard) => format!("shard {shard}"),
        None => "the run".to_string(),
    };
    let job = claim.job.as_ref();
    let job = job.map_or_else(String::new, |job| format!(", job {job}"));
    let process = format!("{what}, process {} on {}{job}", claim.pid, claim.host);
    if !alive {
        return vec![format!("stale: {process}, was killed")];
    }
    let mut lines = vec![format!("running: {process}")];
    lines.extend(claim.workers.iter().map(worker_line));
    lines
}

fn worker_line(worker: &BusyWorker) -> String {
    let (index, pid, device) = (worker.worker, worker.pid, &worker.device);
    let (hypothesis, arm) = (&worker.hypothesis, &worker.arm);
    let seconds = now().saturating_sub(worker.since);
    let trials = worker.members.len();
    format!(
        "  worker {index} (process {pid}, {device}): {hypothesis}/{arm}, {trials} trials, for {seconds} s"
    )
}
