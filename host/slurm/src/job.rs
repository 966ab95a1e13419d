//! A submitted job as the run's folder remembers it: `slurm/job-12.json`.

use std::path::{Path, PathBuf};

use picklock_files::write_atomically;
use picklock_message::{Error, Result};
use picklock_record::{Manifest, Shard};
use serde::{Deserialize, Serialize};

/// The folder of a run that holds scripts, logs and records of jobs.
pub const FOLDER: &str = "slurm";

/// A job array, version 1 of its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Slurm's id.
    pub job: u64,
    /// The job that reports when it has ended, where that could be submitted.
    pub report: Option<u64>,
    /// How many shards the run is cut into.
    pub of: u32,
    /// The shards that this job runs: the tasks' numbers.
    pub tasks: Vec<u32>,
    /// Trials that the run has in all.
    pub trials: usize,
    /// What is run.
    #[serde(rename = "asked")]
    pub arguments: RunArguments,
}

/// What is run, as the arguments of `picklock run`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunArguments {
    /// Names of hypotheses.
    pub hypotheses: Vec<String>,
    /// A preset's name, or the path of an organism file.
    pub organism: String,
    /// Replicates.
    pub seeds: u32,
    /// Choices of weak samples within each.
    pub draws: u32,
    /// The root of all random streams.
    pub root_seed: u64,
    /// Members that run side by side.
    pub width: u32,
    /// Worker processes of a task.
    pub workers: usize,
}

impl RunArguments {
    /// Of the run in this folder: as it was submitted last, else by its manifest.
    ///
    /// # Errors
    /// Where it holds no readable run.
    pub fn of(run: &Path) -> Result<Self> {
        if let Some(job) = Job::all(run)?.into_iter().next() {
            return Ok(job.arguments);
        }
        let manifest = Manifest::read(run)?;
        Ok(Self::new(&manifest, &manifest.organism.name, 1))
    }

    /// Of a run on this organism, a preset's name or a path, by so many workers a task.
    pub(crate) fn new(manifest: &Manifest, organism: &str, workers: usize) -> Self {
        Self {
            hypotheses: manifest.judged(),
            organism: organism.to_string(),
            seeds: manifest.seeds,
            draws: manifest.draws,
            root_seed: manifest.root_seed,
            width: manifest.geometry.width,
            workers,
        }
    }
}

impl Job {
    /// The jobs that a run's folder remembers, the last one first.
    ///
    /// # Errors
    /// Where a record can't be read.
    pub fn all(run: &Path) -> Result<Vec<Self>> {
        let folder = run.join(FOLDER);
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io(&folder, "read"))?,
        };
        let is_record = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("job-") && path.extension().is_some_and(|end| end == "json")
        };
        let paths = entries.flatten().map(|entry| entry.path());
        let mut jobs: Vec<Self> = paths
            .filter(is_record)
            .map(|path| read(&path))
            .collect::<Result<_>>()?;
        jobs.sort_by_key(|job| std::cmp::Reverse(job.job));
        Ok(jobs)
    }

    /// Writes its record.
    ///
    /// # Errors
    /// Where the folder can't be written.
    pub fn write(&self, run: &Path) -> Result<()> {
        let path = run.join(FOLDER).join(format!("job-{}.json", self.job));
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        write_atomically(&path, (text + "\n").as_bytes())
    }

    /// `job 12, tasks 1-3,7 of 32`.
    pub fn in_words(&self) -> String {
        let tasks = ranges(&self.tasks);
        format!("job {}, tasks {tasks} of {}", self.job, self.of)
    }

    /// A task's id, as in `12_3`.
    pub fn task(&self, task: u32) -> String {
        format!("{}_{task}", self.job)
    }

    /// Where a task's log lies.
    pub fn log(&self, run: &Path, task: u32) -> PathBuf {
        run.join(FOLDER).join(format!("{}.log", self.task(task)))
    }

    /// The log of its task that has this seed, where one has.
    pub fn log_of(&self, run: &Path, seed: u32, manifest: &Manifest) -> Option<PathBuf> {
        let mut tasks = self.tasks.iter();
        let task = tasks.find(|task| self.shard(**task).takes(seed, manifest))?;
        Some(self.log(run, *task))
    }

    /// A task's shard.
    pub fn shard(&self, task: u32) -> Shard {
        Shard {
            index: task,
            of: self.of,
        }
    }
}

fn read(path: &Path) -> Result<Job> {
    let text = std::fs::read(path).map_err(Error::io(path, "read"))?;
    let advice = "remove it, and picklock forgets the job";
    serde_json::from_slice(&text)
        .map_err(|error| Error::file(path, format!("no record of a job: {error}; {advice}")))
}

/// `1-3,7` for 1, 2, 3 and 7, which ascend.
pub fn ranges(tasks: &[u32]) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for task in tasks {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == *task => *last = *task,
            _ => parts.push((*task, *task)),
        }
    }
    let part = |(first, last): (u32, u32)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    };
    let parts: Vec<String> = parts.into_iter().map(part).collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_written_as_ranges() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3,7,9-10");
        assert_eq!(ranges(&[4]), "4");
        assert_eq!(ranges(&[]), "");
    }
}
