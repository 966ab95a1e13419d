//! What is left of a run: into how many tasks it is cut, and which of them have work left that no job
//! does yet.

use std::path::Path;

use picklock_message::{Error, Result, shell, tell};
use picklock_record::Shard;

use crate::job::Job;
use crate::submission::Submission;
use crate::tasks::live;
use crate::{client, queue};

/// How long a task should take at least: Slurm needs seconds for each, and so does its start.
const LEAST: f64 = 300.0;

/// The tasks of a run that have something left to do.
pub struct Open {
    /// How many shards the run is cut into.
    pub of: u32,
    /// Those that have something left, and are not under way.
    pub tasks: Vec<u32>,
    /// How many wait or run.
    live: usize,
    /// The jobs of those.
    pub before: Vec<u64>,
}

impl Open {
    /// Finds them.
    ///
    /// # Errors
    /// Where more tasks are asked for than the cluster takes, a job of another cut is in the queue, or
    /// Slurm can't be asked.
    pub fn of(submission: &Submission) -> Result<Self> {
        let jobs = Job::all(submission.run)?;
        let ids: Vec<u64> = jobs.iter().map(|job| job.job).collect();
        let live = if submission.dry_run {
            Vec::new()
        } else {
            live(&jobs, &queue::look(&ids)?)
        };
        let of = cut(submission, jobs.first())?;
        if let Some((job, _)) = live.iter().find(|(job, _)| job.of != of) {
            return Err(Error::Usage(format!(
                "job {} has {} tasks in the queue, cut otherwise than into {of}; wait for it, give \
                 --array-size {}, or give first: scancel {}",
                job.job, job.of, job.of, job.job
            )));
        }
        let under_way = |task: &u32| live.iter().any(|(_, live)| live == task);
        let has_work = |task: &u32| {
            let shard = Shard { index: *task, of };
            let part = shard.share(submission.plan.clone(), submission.manifest);
            part.cohorts() > 0
        };
        let mut before: Vec<u64> = live.iter().map(|(job, _)| job.job).collect();
        before.dedup();
        Ok(Self {
            of,
            tasks: (1..=of)
                .filter(|task| !under_way(task) && has_work(task))
                .collect(),
            live: live.len(),
            before,
        })
    }

    /// Why there is nothing to submit.
    pub fn nothing(&self, run: &Path) -> Option<String> {
        let run = shell::path(run);
        let nothing = match self.live {
            0 => format!("all trials are in the journal; `picklock report {run}` reports"),
            live => {
                format!("what is missing is under way in {live} tasks; `picklock status {run}`")
            }
        };
        self.tasks
            .is_empty()
            .then(|| format!("nothing to submit: {nothing}"))
    }
}

/// Into how many tasks a run is cut: as before where it goes on, as asked, or so that each takes some
/// minutes; never more than it has blocks.
fn cut(submission: &Submission, before: Option<&Job>) -> Result<u32> {
    let manifest = submission.manifest;
    let blocks = manifest
        .seeds
        .div_ceil(manifest.geometry.seeds_per_block.max(1));
    let limit = client::largest_array();
    if let Some(asked) = submission.array_size {
        if let Some(limit) = limit.filter(|limit| asked > *limit) {
            return Err(Error::Usage(format!(
                "--array-size {asked}: this cluster takes arrays of at most {limit} tasks (MaxArraySize {}); \
                 give at most that",
                limit + 1
            )));
        }
        if asked > blocks {
            tell!("{asked} tasks are more than the {blocks} blocks of the run: {blocks} it is");
        }
        return Ok(asked.min(blocks));
    }
    if let Some(job) = before {
        return Ok(job.of);
    }
    let tasks = ((submission.seconds / LEAST) as u32).clamp(1, blocks);
    let most = limit.unwrap_or(tasks);
    if tasks > most {
        tell!("{most} tasks: this cluster takes no larger arrays (MaxArraySize)");
    }
    Ok(tasks.min(most))
}
