//! How a run's tasks are: from the records of its jobs, Slurm's queue, the journal, and the logs.

use std::collections::{BTreeSet, HashMap};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use picklock_message::Result;
use picklock_record::Manifest;
use serde::Serialize;

use crate::job::{FOLDER, Job};
use crate::queue::{self, Entry};

/// How much of a log's end is looked at for a reason, in bytes.
const TAIL: u64 = 1 << 14;

/// A job and its tasks, but those that a later job runs again.
#[derive(Clone, Debug, Serialize)]
pub struct JobStatus {
    /// Slurm's id.
    pub job: u64,
    /// Its tasks.
    pub tasks: Vec<Task>,
    /// The job that reports at its end.
    pub report: Option<u64>,
    /// Whether that one waits or runs; null where Slurm can't be asked.
    pub reports: Option<bool>,
    /// Where that one failed, as long as Slurm knows that it did.
    pub unreported: Option<Unreported>,
    /// Why Slurm can't be asked, where it can't.
    pub unknown: Option<String>,
}

/// A report that a job should have written.
#[derive(Clone, Debug, Serialize)]
pub struct Unreported {
    /// Why it didn't.
    pub reason: String,
    /// Its log.
    pub log: PathBuf,
}

/// A task of a job array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Slurm's id, as in `12_3`.
    pub task: String,
    /// Its shard, as in `3/32`.
    pub shard: String,
    /// How it is.
    pub state: TaskState,
    /// Where it runs, or ran.
    pub node: Option<String>,
    /// Why it waits, or failed.
    pub reason: Option<String>,
    /// Its log.
    pub log: PathBuf,
}

/// How a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// All trials of its shard are in the journal.
    Done,
    /// It runs.
    Running,
    /// It waits to be started, perhaps again.
    Queued,
    /// It has ended, and trials of its shard are missing.
    Failed,
    /// Trials of its shard are missing, and Slurm can't be asked.
    Unknown,
}

/// The tasks that wait or run, and their jobs.
pub fn live<'a>(jobs: &'a [Job], queue: &HashMap<String, Entry>) -> Vec<(&'a Job, u32)> {
    let is_live = |id: &str| queue.get(id).is_some_and(|entry| !entry.over());
    jobs.iter()
        .flat_map(|job| job.tasks.iter().map(move |task| (job, *task)))
        .filter(|(job, task)| is_live(&job.task(*task)))
        .collect()
}

/// How the jobs of a run are, the last one first; `open` are the seeds that lack trials. A task that a
/// later job has too counts there.
///
/// # Errors
/// Where a job's record can't be read.
pub fn jobs(
    run: &Path,
    manifest: Option<&Manifest>,
    open: &BTreeSet<u32>,
) -> Result<Vec<JobStatus>> {
    let jobs = Job::all(run)?;
    let ids = jobs.iter().flat_map(|job| [Some(job.job), job.report]);
    let queue = queue::look(&ids.flatten().collect::<Vec<_>>());
    let (queue, unknown) = match queue {
        Ok(queue) => (Some(queue), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let look = Look {
        run,
        manifest,
        open,
        queue: queue.as_ref(),
    };
    let mut seen = BTreeSet::new();
    let mut cut = None;
    let mut statuses = Vec::new();
    for job in &jobs {
        let tasks = job.tasks.iter().map(|task| (*task, look.task(job, *task)));
        let current = *cut.get_or_insert(job.of) == job.of;
        let counts = |(index, task): &(u32, Task)| {
            let alive = matches!(task.state, TaskState::Running | TaskState::Queued);
            (current && seen.insert(*index)) || alive
        };
        let tasks = tasks.filter(counts).map(|(_, task)| task);
        statuses.push(JobStatus {
            job: job.job,
            tasks: tasks.collect(),
            report: job.report,
            reports: job
                .report
                .and_then(|report| look.is_live(&report.to_string())),
            unreported: job.report.and_then(|report| look.unreported(report)),
            unknown: unknown.clone(),
        });
    }
    statuses.retain(|job| !job.tasks.is_empty());
    Ok(statuses)
}

/// What tasks are judged by.
struct Look<'a> {
    run: &'a Path,
    manifest: Option<&'a Manifest>,
    open: &'a BTreeSet<u32>,
    /// None where Slurm can't be asked.
    queue: Option<&'a HashMap<String, Entry>>,
}

impl Look<'_> {
    fn is_live(&self, id: &str) -> Option<bool> {
        self.queue
            .map(|queue| queue.get(id).is_some_and(|entry| !entry.over()))
    }

    fn task(&self, job: &Job, task: u32) -> Task {
        let shard = job.shard(task);
        let id = job.task(task);
        let log = job.log(self.run, task);
        let missing = self
            .manifest
            .is_none_or(|manifest| self.open.iter().any(|seed| shard.takes(*seed, manifest)));
        let entry = self.queue.and_then(|queue| queue.get(&id));
        let (state, reason) = match (entry, missing) {
            (Some(entry), _) if entry.waits() => (TaskState::Queued, Some(entry.reason.clone())),
            (Some(entry), _) if !entry.over() => (TaskState::Running, None),
            (_, false) => (TaskState::Done, None),
            _ if self.queue.is_none() => (TaskState::Unknown, None),
            (entry, true) => (TaskState::Failed, Some(self.reason(&log, entry))),
        };
        Task {
            task: id,
            shard: shard.to_string(),
            state,
            node: entry.map(|it| it.node.clone()).filter(|it| !it.is_empty()),
            reason,
            log,
        }
    }

    /// Why the job that reports failed, where it did.
    fn unreported(&self, report: u64) -> Option<Unreported> {
        let entry = self.queue?.get(&report.to_string())?;
        if !entry.over() || entry.state == "COMPLETED" {
            return None;
        }
        let log = self.run.join(FOLDER).join(format!("report-{report}.log"));
        let reason = self.reason(&log, Some(entry));
        Some(Unreported { reason, log })
    }

    /// Why a task failed: Slurm's word where that says more than that it did, and the log's last.
    fn reason(&self, log: &Path, entry: Option<&Entry>) -> String {
        let state = entry
            .map(|entry| entry.state.as_str())
            .filter(|state| !["COMPLETED", "FAILED"].contains(state));
        let Some(text) = tail(log) else {
            let run = self.run.display();
            return match (state, entry) {
                (Some(state), _) => format!("{state}, before it wrote a log"),
                (None, Some(Entry { node, .. })) => format!(
                    "left no log: {node} can't see {run}; choose a folder on a disk that all nodes share (--out)"
                ),
                (None, None) => {
                    format!("left no log, and Slurm no longer knows why; nodes must see {run}")
                }
            };
        };
        let last = last_words(&text).unwrap_or("ended without a word");
        state.map_or_else(|| last.to_string(), |state| format!("{state}: {last}"))
    }
}

/// The end of a log.
fn tail(log: &Path) -> Option<String> {
    let mut file = std::fs::File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))
        .ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last error of Slurm, else of picklock, else the last line.
fn last_words(log: &str) -> Option<&str> {
    let mut lines = log.lines().map(str::trim).filter(|line| !line.is_empty());
    let of_slurm = |line: &&str| line.starts_with("slurmstepd: error: ");
    let of_picklock = || {
        let mut lines = lines.clone().rev();
        lines.find_map(|line| line.strip_prefix("picklock: "))
    };
    lines
        .clone()
        .rfind(of_slurm)
        .or_else(of_picklock)
        .or_else(|| lines.next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logs_last_words_are_the_reason() {
        let log = "picklock: disk full\n[8/16 trials, 30 s] core 8/16\n";
        assert_eq!(last_words(log), Some("disk full"));
        let log = "picklock: stopped\nslurmstepd: error: *** JOB 3 ON n1 CANCELLED DUE TO TIME LIMIT ***\n";
        assert!(last_words(log).is_some_and(|words| words.ends_with("DUE TO TIME LIMIT ***")));
        assert_eq!(
            last_words("bash: module: command not found\n\n"),
            Some("bash: module: command not found")
        );
        assert_eq!(last_words(""), None);
    }
}
