//! `picklock status`: how far a run is, and what to do next.

use std::path::PathBuf;

use clap::Args;
use picklock_message::{Error, Result, say, sayln};
use picklock_record::{BusyWorker, Roots, now};
use picklock_run::{Counts, Failure, Process, Status};
use picklock_slurm::{JobStatus, TaskState, Unreported};

use crate::cli::table::table;

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
    let mut lines: Vec<String> = status.jobs.iter().flat_map(job_lines).collect();
    lines.extend(status.processes.iter().flat_map(process_lines));
    for failure in status.failures.iter().take(REASONS) {
        let Failure {
            hypothesis,
            arm,
            seed,
            draw,
            reason,
            log,
        } = failure;
        let log = log.as_ref().map(|log| format!("; log {}", log.display()));
        lines.push(format!(
            "failed: {hypothesis}/{arm} seed {seed} draw {draw}: {reason}{}",
            log.unwrap_or_default()
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
        let reason = in_state(*state).find_map(|task| task.reason.as_ref());
        let reason = reason.filter(|_| *state == TaskState::Queued);
        let reason = reason
            .map(|reason| format!(" ({reason})"))
            .unwrap_or_default();
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
    let failed = in_state(TaskState::Failed);
    lines.extend(failed.take(REASONS).map(|task| {
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
    let (pid, host) = (claim.pid, &claim.host);
    let job = claim.job.as_ref().map(|job| format!(", job {job}"));
    let job = job.unwrap_or_default();
    if !alive {
        return vec![format!(
            "stale: {what}, process {pid} on {host}{job}, was killed"
        )];
    }
    let worker = |worker: &BusyWorker| {
        let BusyWorker {
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
    let first = format!("running: {what}, process {pid} on {host}{job}");
    [first]
        .into_iter()
        .chain(claim.workers.iter().map(worker))
        .collect()
}
