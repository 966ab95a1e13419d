//! From a request to submitted jobs: what is missing is cut into tasks, written into a script, and
//! handed to Slurm.

use std::path::{Path, PathBuf};

use super::client;
use super::job::{Asked, FOLDER, Job};
use super::open::Open;
use super::pinned;
use super::profile::Profile;
use super::script::Scripts;
use crate::batch::{Place, Planned, Prepared, Request, claimed_whole, readable, set_aside};
use crate::error::{Error, Result};
use crate::journal::write_atomically;
use crate::organism::{self, Cache, MODELS};
use crate::plugins::Roots;
use crate::shell;
use crate::task::DATA;

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
    let memory = submission.profile.gpu_memory;
    let memory = memory.map(|gibibytes| u64::from(gibibytes) << 30);
    submission.request.place = Place::Nodes { gpus, memory };
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
        for note in planned.notes() {
            tell!("{note}");
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
                shell::path(run)
            ),
        }
        job.write(run)?;
        Ok(job)
    }

    /// What this submission's scripts say.
    fn scripts<T>(&self, write: impl FnOnce(&Scripts) -> T) -> Result<T> {
        let here = absolute(Path::new("."))?;
        let mut folders = vec![("PICKLOCK_CACHE", absolute(Cache::of_user()?.path())?)];
        for name in [MODELS, DATA] {
            if let Some(folder) = std::env::var_os(name).filter(|folder| !folder.is_empty()) {
                folders.push((name, absolute(Path::new(&folder))?));
            }
        }
        let picklock = match &self.submission.profile.picklock {
            Some(path) => path.clone(),
            None => std::env::current_exe()
                .map_err(|error| Error::Usage(format!("this very program: {error}")))?,
        };
        Ok(write(&Scripts {
            run: &self.prepared.path,
            here: &here,
            picklock: &picklock,
            folders: &folders,
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
