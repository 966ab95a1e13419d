//! What a run's status advises to do next.

use std::path::Path;

use picklock_message::{Error, shell};
use picklock_record::{Manifest, Roots, organism};
use picklock_slurm::TaskState;

use crate::status::{Counts, Process, Status};

/// What to do next, with the command that does it.
pub fn advice(status: &Status, run: &Path, command: &str) -> String {
    if let Some(advice) = advice_on_jobs(status, run) {
        return advice;
    }
    let live: Vec<&Process> = status.processes.iter().filter(|p| p.alive).collect();
    let shards = live.iter().any(|process| process.claim.shard.is_some());
    let Counts {
        failed, missing, ..
    } = status.all;
    if !live.is_empty() {
        if !shards {
            return "wait for it; it reports at its end".to_string();
        }
        let rest = match missing {
            0 => "reports",
            _ => "runs what no shard has, and reports",
        };
        return format!(
            "wait for the {} running; then `{command}` {rest}",
            live.len()
        );
    }
    let refused = status
        .hypotheses
        .iter()
        .find_map(|counts| counts.refused.as_ref());
    match (missing, failed, refused) {
        (0, 0, None) => format!("nothing; `picklock report {}` shows it", shell::path(run)),
        (0, 0, Some(reason)) => format!("mend what was refused ({reason}), then `{command}`"),
        (0, ..) => format!("`{command} --retry-failed` runs the failed trials again"),
        _ => format!("`{command}` goes on where it stopped"),
    }
}

/// The same for a run that was submitted to Slurm.
pub fn advice_on_jobs(status: &Status, run: &Path) -> Option<String> {
    let job = status.jobs.first()?;
    let tasks = status.jobs.iter().flat_map(|job| &job.tasks);
    let live = tasks
        .filter(|task| matches!(task.state, TaskState::Running | TaskState::Queued))
        .count();
    let report = match job.report.filter(|_| job.reports == Some(true)) {
        Some(report) => format!("job {report} reports at their end"),
        None => format!("then `picklock report {}`", shell::path(run)),
    };
    let submit = format!("`picklock submit --slurm {}", shell::path(run));
    let is_running = status.processes.iter().any(|process| process.alive);
    if job.unknown.is_some() {
        let run = shell::path(run);
        let advice = format!("on a login node, `picklock status {run}` says how its tasks are");
        return (!is_running && status.all.missing > 0).then_some(advice);
    }
    match (live, job.reports, status.all.missing) {
        (1.., ..) => Some(format!(
            "wait for the {live} tasks that wait or run; {report}"
        )),
        (0, Some(true), 0) => Some("wait for the job that reports".to_string()),
        _ if is_running => None,
        (0, _, 1..) => Some(format!("{submit}` sends what is missing again")),
        (0, _, 0) if status.all.failed > 0 => Some(format!(
            "{submit} --retry-failed` runs the failed trials again"
        )),
        _ => None,
    }
}

/// The command that continues a run, as far as the manifest knows it: not where the file of an
/// organism lies that is no preset.
pub fn command(run: &Path, manifest: &Manifest, roots: &Roots) -> String {
    let name = &manifest.organism.name;
    let organism = match organism::find(name, roots) {
        Err(Error::Unknown { .. }) => shell::word(&format!("FOLDER/{name}.toml")),
        _ => shell::word(name),
    };
    let root = match manifest.root_seed {
        0 => String::new(),
        root => format!(" --root-seed {root}"),
    };
    let device = match manifest.environment.driver {
        Some(_) => " --devices cuda",
        None => "",
    };
    format!(
        "picklock run {} --organism {organism} --seeds {} --draws {}{root}{device} --out {}",
        manifest.judged().join(" "),
        manifest.seeds,
        manifest.draws,
        shell::path(run)
    )
}
