//! From a request to submitted jobs: what is missing is cut into tasks, written into a script, and
//! handed to Slurm.

use std::path::{Path, PathBuf};

use super::client;
use super::job::{Asked, FOLDER, Job};
use super::profile::Profile;
use super::script::Scripts;
use super::tasks::live;
use super::{pinned, queue};
use crate::batch::{Place, Planned, Prepared, Request, Shard, claimed_whole, readable, set_aside};
use crate::error::{Error, Result};
use crate::journal::write_atomically;
use crate::organism::{self, Cache};
use crate::plugins::Roots;

/// How long a task should take at least: Slurm needs seconds for each, and so does its start.
const LEAST: f64 = 300.0;

/// What is to be submitted.
pub struct Submission<'a> {
    /// The run.
    pub request: Request<'a>,
    /// What jobs here need.
    pub profile: Profile,
    /// Into how many tasks it is cut, where somebody says.
    pub array_size: Option<u32>,
}

/// What was submitted; nothing where nothing is missing, or all of it is under way.
pub enum Submitted {
    /// An array and the job that reports, and the run's folder.
    Job(Job, PathBuf),
    /// A script that would be.
    Script(String),
    /// Nothing, and why.
    Nothing(String),
}

/// Submits what a run lacks, or with a dry run gives the script. What will be done, and about how long
/// it takes, is said on the way.
///
/// # Errors
/// Where the input is bad, there is no Slurm here, or it refuses the job.
pub fn submit(mut submission: Submission, roots: &Roots) -> Result<Submitted> {
    let dry_run = submission.request.dry_run;
    if !dry_run {
        client::ask("sbatch", &["--version"])?;
    }
    let gpus = match submission.profile.has_gpu() {
        true => submission.array_size.unwrap_or(1),
        false => 0,
    };
    submission.request.place = Place::Nodes { gpus };
    let mut prepared = submission.request.prepare(roots)?;
    prepared.path = absolute(&prepared.path)?;
    prepared.goes_on()?;
    let planned = prepared.plan(&submission.request)?;
    let open = Open::of(&submission, &prepared, &planned)?;
    let dispatch = Dispatch {
        submission: &submission,
        prepared: &prepared,
        planned: &planned,
        open: &open,
        roots,
    };
    dispatch.announce();
    match (open.nothing(&prepared.path), dry_run) {
        (Some(nothing), _) => Ok(Submitted::Nothing(nothing)),
        (None, true) => Ok(Submitted::Script(
            dispatch.scripts(|scripts| scripts.tasks(&open.tasks, open.of))?,
        )),
        (None, false) => Ok(Submitted::Job(dispatch.hand_over()?, prepared.path.clone())),
    }
}

/// The tasks of a run that have something left to do.
struct Open {
    /// How many shards the run is cut into.
    of: u32,
    /// Those that have something left, and are not under way.
    tasks: Vec<u32>,
    /// Those that wait or run.
    live: Vec<String>,
    /// Jobs that have such tasks.
    before: Vec<u64>,
}

impl Open {
    fn of(submission: &Submission, prepared: &Prepared, planned: &Planned) -> Result<Self> {
        let jobs = Job::all(&prepared.path)?;
        let ids: Vec<u64> = jobs.iter().map(|job| job.job).collect();
        let live = match submission.request.dry_run {
            true => Vec::new(),
            false => live(&jobs, &queue::look(&ids)?),
        };
        let of = cut(submission, prepared, planned, jobs.first())?;
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
            shard
                .share(planned.plan.clone(), &prepared.manifest)
                .cohorts()
                > 0
        };
        let mut before: Vec<u64> = live.iter().map(|(job, _)| job.job).collect();
        before.dedup();
        Ok(Self {
            of,
            tasks: (1..=of)
                .filter(|task| !under_way(task) && has_work(task))
                .collect(),
            live: live.iter().map(|(job, task)| job.task(*task)).collect(),
            before,
        })
    }

    /// Why there is nothing to submit.
    fn nothing(&self, run: &Path) -> Option<String> {
        let run = run.display();
        match (self.tasks.is_empty(), self.live.len()) {
            (false, _) => None,
            (true, 0) => Some(format!(
                "nothing to submit: all trials are in the journal; `picklock report {run}` reports"
            )),
            (true, live) => Some(format!(
                "nothing to submit: what is missing is under way in {live} tasks; `picklock status {run}`"
            )),
        }
    }
}

/// Into how many tasks a run is cut: as before where it goes on, as asked, or so that each takes some
/// minutes; never more than it has blocks.
fn cut(
    submission: &Submission,
    prepared: &Prepared,
    planned: &Planned,
    before: Option<&Job>,
) -> Result<u32> {
    let manifest = &prepared.manifest;
    let blocks = manifest
        .seeds
        .div_ceil(manifest.geometry.seeds_per_block.max(1));
    let limit = client::largest_array();
    match (submission.array_size, limit) {
        (Some(asked), Some(limit)) if asked > limit => Err(Error::Usage(format!(
            "--array-size {asked}: this cluster takes arrays of at most {limit} tasks (MaxArraySize {}); \
             give at most that",
            limit + 1
        ))),
        (Some(asked), _) => {
            if asked > blocks {
                tell!("{asked} tasks are more than the {blocks} blocks of the run: {blocks} it is");
            }
            Ok(asked.min(blocks))
        }
        (None, _) if before.is_some() => Ok(before.map_or(1, |job| job.of)),
        (None, limit) => {
            let tasks = ((planned.costs.total() / LEAST) as u32).clamp(1, blocks);
            let most = limit.unwrap_or(tasks);
            if tasks > most {
                tell!("{most} tasks: this cluster takes no larger arrays (MaxArraySize)");
            }
            Ok(tasks.min(most))
        }
    }
}

/// A submission of which everything is known.
struct Dispatch<'a> {
    submission: &'a Submission<'a>,
    prepared: &'a Prepared,
    planned: &'a Planned,
    open: &'a Open,
    roots: &'a Roots,
}

impl Dispatch<'_> {
    /// Says what will be done and about how long it takes.
    fn announce(&self) {
        let planned = self.planned;
        let Prepared { path, manifest, .. } = self.prepared;
        let hypotheses = manifest
            .hypotheses
            .iter()
            .filter(|hypothesis| hypothesis.judged);
        let names: Vec<&str> = hypotheses
            .map(|hypothesis| hypothesis.name.as_str())
            .collect();
        let (name, run) = (&manifest.organism.name, path.display());
        let plan = &planned.plan;
        tell!(
            "{name}: {} x {} seeds x {} draws = {} trials, {} of them to run, into {run}",
            names.join(" + "),
            manifest.seeds,
            manifest.draws,
            plan.trials,
            plan.trials - plan.done
        );
        let total = planned.costs.total();
        let each = total / f64::from(self.open.of.min(plan.blocks.len() as u32).max(1));
        if plan.cohorts() > 0 {
            tell!(
                "about {} of one task's work, cut into {} tasks of about {}",
                readable(total),
                self.open.of,
                readable(each)
            );
        }
        for reason in &planned.guessed {
            tell!("of that, a guess: {reason}");
        }
    }

    /// Writes the run's part of the folder, submits the array and the job that reports, and remembers
    /// them.
    fn hand_over(&self) -> Result<Job> {
        let run = &self.prepared.path;
        if let Some(problem) = claimed_whole(run)? {
            return Err(problem);
        }
        if self.submission.request.retry_failed {
            let count = set_aside(self.prepared)?;
            tell!("{count} failed trials are run again");
        }
        let preset = organism::preset(self.submission.request.organism, self.roots);
        pinned::write(self.prepared, preset.as_deref())?;
        let folder = run.join(FOLDER);
        let [tasks, report] = ["tasks.sh", "report.sh"].map(|name| folder.join(name));
        self.scripts(|scripts| {
            let text = scripts.tasks(&self.open.tasks, self.open.of);
            write_atomically(&tasks, text.as_bytes())?;
            write_atomically(&report, scripts.report().as_bytes())
        })??;
        let Profile {
            partition,
            report_partition,
            ..
        } = &self.submission.profile;
        let path = |path: &Path| path.display().to_string();
        let mut job = Job {
            job: client::sbatch(&[&path(&tasks)], partition.as_deref())?,
            report: None,
            of: self.open.of,
            tasks: self.open.tasks.clone(),
            trials: self.planned.plan.trials,
            asked: self.asked(),
        };
        job.write(run)?;
        let after = self.open.before.iter().chain([&job.job]);
        let after: Vec<String> = after.map(u64::to_string).collect();
        let dependency = format!("--dependency=afterany:{}", after.join(":"));
        let partition = report_partition.as_ref().or(partition.as_ref());
        match client::sbatch(
            &[&dependency, &path(&report)],
            partition.map(String::as_str),
        ) {
            Ok(id) => job.report = Some(id),
            Err(error) => tell!(
                "no job will report: {error}; when job {} has ended, give: picklock report {}",
                job.job,
                run.display()
            ),
        }
        job.write(run)?;
        Ok(job)
    }

    /// What this submission's scripts say.
    fn scripts<T>(&self, write: impl FnOnce(&Scripts) -> T) -> Result<T> {
        let here = absolute(Path::new("."))?;
        let cache = absolute(Cache::of_user()?.path())?;
        let picklock = match &self.submission.profile.picklock {
            Some(path) => path.clone(),
            None => std::env::current_exe()
                .map_err(|error| Error::Usage(format!("this very program: {error}")))?,
        };
        Ok(write(&Scripts {
            run: &self.prepared.path,
            here: &here,
            picklock: &picklock,
            cache: &cache,
            pinned: &pinned::place(&self.prepared.path),
            asked: &self.asked(),
            profile: &self.submission.profile,
        }))
    }

    fn asked(&self) -> Asked {
        let manifest = &self.prepared.manifest;
        let request = &self.submission.request;
        let judged = manifest
            .hypotheses
            .iter()
            .filter(|hypothesis| hypothesis.judged);
        let organism = Path::new(request.organism);
        let is_file = organism
            .extension()
            .is_some_and(|extension| extension == "toml");
        Asked {
            hypotheses: judged.map(|hypothesis| hypothesis.name.clone()).collect(),
            organism: match is_file.then(|| absolute(organism)) {
                Some(Ok(path)) => path.display().to_string(),
                _ => request.organism.to_string(),
            },
            seeds: manifest.seeds,
            draws: manifest.draws,
            root_seed: manifest.root_seed,
            width: manifest.geometry.width,
            workers: request.workers.unwrap_or(1),
        }
    }
}

/// A path as all nodes have it: links stay, since what is behind them may be the login node's alone.
fn absolute(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).map_err(Error::io(path, "find"))?;
    Ok(path.components().collect())
}
