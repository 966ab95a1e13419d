//! Claims: what a process that works on a run writes about itself, for `picklock status`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use picklock_files::ASIDE;
use picklock_message::{Error, Result};
use picklock_process::job_here;
use serde::{Deserialize, Serialize};

use crate::plan::CohortPlan;
use crate::shard::Shard;
use crate::trial::Member;

/// How often a claim is written at most.
const EVERY: Duration = Duration::from_millis(500);

/// `.running` or `.running-2-of-3` in the run's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The shard, as in `2/3`; none where the process runs everything.
    pub shard: Option<String>,
    /// The process.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// Its Slurm job, as in `12_3`, where it is one.
    #[serde(default)]
    pub job: Option<String>,
    /// When it began, in seconds since 1970.
    pub since: u64,
    /// Its workers that run a cohort.
    pub workers: Vec<BusyWorker>,
}

/// A worker and the cohort that it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusyWorker {
    /// Which worker, from 0.
    pub worker: usize,
    /// Its process.
    pub pid: u32,
    /// The device that it has.
    pub device: String,
    /// The hypothesis.
    pub hypothesis: String,
    /// The arm.
    pub arm: String,
    /// The trials.
    pub members: Vec<Member>,
    /// When it was given the cohort, in seconds since 1970.
    pub since: u64,
}

impl BusyWorker {
    /// A worker that is given a cohort now.
    pub fn now(worker: usize, pid: u32, device: &str, cohort: &CohortPlan) -> Self {
        Self {
            worker,
            pid,
            device: device.to_string(),
            hypothesis: cohort.hypothesis.clone(),
            arm: cohort.arm.clone(),
            members: cohort.members.clone(),
            since: now(),
        }
    }
}

impl Claim {
    /// How the names of claims begin.
    pub const PREFIX: &str = ".running";

    /// Where the claim of a whole run, or of a shard, lies.
    pub fn path(run: &Path, shard: Option<Shard>) -> PathBuf {
        let suffix = shard.map(Shard::suffix).unwrap_or_default();
        run.join(format!("{}{suffix}", Self::PREFIX))
    }

    /// The claims that lie in a run's folder. One that is being written is passed over.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn all(run: &Path) -> Result<Vec<Self>> {
        let entries = std::fs::read_dir(run).map_err(Error::io(run, "read"))?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let claim = |path: &PathBuf| {
            let name = path.file_name()?.to_str()?;
            name.starts_with(Self::PREFIX).then_some(())?;
            serde_json::from_slice(&std::fs::read(path).ok()?).ok()
        };
        Ok(paths.iter().filter_map(claim).collect())
    }
}

/// Writes a claim as its workers change.
pub struct ClaimWriter {
    path: PathBuf,
    claim: Claim,
    written: Option<Instant>,
}

impl ClaimWriter {
    /// Claims a run, or a shard of it, for this process.
    pub fn new(run: &Path, shard: Option<Shard>) -> Self {
        let claim = Claim {
            shard: shard.map(|shard| shard.to_string()),
            pid: std::process::id(),
            host: host(),
            job: job_here(),
            since: now(),
            workers: Vec::new(),
        };
        Self {
            path: Claim::path(run, shard),
            claim,
            written: None,
        }
    }

    /// Writes down which cohorts run. It is for people to look at: a claim that can't be written, or
    /// is half a second old, stops nothing.
    pub fn update(&mut self, workers: impl Iterator<Item = BusyWorker>) {
        let workers: Vec<BusyWorker> = workers.collect();
        let recent = self.written.is_some_and(|time| time.elapsed() < EVERY);
        if recent || (self.written.is_some() && workers == self.claim.workers) {
            return;
        }
        self.claim.workers = workers;
        self.written = Some(Instant::now());
        let name = self.path.file_name().unwrap_or_default().display();
        let aside = self.path.with_file_name(format!("{ASIDE}{name}"));
        let text = serde_json::to_vec(&self.claim).unwrap_or_default();
        let _ = std::fs::write(&aside, text).and_then(|()| std::fs::rename(&aside, &self.path));
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| time.as_secs())
}

/// This machine's name.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "unknown".into(), |name| name.trim().to_string())
}
