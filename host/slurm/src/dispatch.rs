//! From a request to submitted jobs: what is missing is cut into tasks, written into a script, and
//! handed to Slurm.

use std::path::{Path, PathBuf};

use picklock_files::write_atomically;
use picklock_message::{Error, Result, duration, shell, tell};
use picklock_record::{MODELS, Roots, claimed_whole, organism, set_aside};
use picklock_task::DATA;

use crate::job::{FOLDER, Job, RunArguments};
use crate::open::Open;
use crate::script::Scripts;
use crate::submission::Submission;
use crate::{client, pinned};

/// What was submitted; nothing where nothing is missing, or all of it is under way.
pub enum Submitted {
    /// An array and the job that reports.
    Job(Job),
    /// A script that would be.
    Script(String),
    /// Nothing, and why.
    Nothing(String),
}

/// Checks that Slurm is here.
///
/// # Errors
/// Where it isn't.
pub fn check() -> Result<()> {
    client::ask("sbatch", &["--version"]).map(drop)
}

/// Submits what a run lacks, or with a dry run gives the script. What will be done, and about how long
/// it takes, is said on the way.
///
/// # Errors
/// Where Slurm refuses the job, or another process is at work on the run.
pub fn submit(submission: &Submission, roots: &Roots) -> Result<Submitted> {
    let open = Open::of(submission)?;
    let dispatch = Dispatch {
        submission,
        open: &open,
        roots,
    };
    dispatch.announce();
    if let Some(nothing) = open.nothing(submission.run) {
        return Ok(Submitted::Nothing(nothing));
    }
    if submission.dry_run {
        let script = dispatch.scripts(|scripts| scripts.tasks(&open.tasks, open.of));
        return Ok(Submitted::Script(script?));
    }
    Ok(Submitted::Job(dispatch.hand_over()?))
}

/// A submission of which everything is known.
struct Dispatch<'a> {
    submission: &'a Submission<'a>,
    open: &'a Open,
    roots: &'a Roots,
}

impl Dispatch<'_> {
    /// Says what will be done and about how long it takes.
    fn announce(&self) {
        let (manifest, plan) = (self.submission.manifest, self.submission.plan);
        tell!(
            "{}: {} x {} seeds x {} draws = {} trials, {} of them to run, into {}",
            manifest.organism.name,
            manifest.judged().join(" + "),
            manifest.seeds,
            manifest.draws,
            plan.trials,
            plan.trials - plan.done,
            self.submission.run.display()
        );
        let seconds = self.submission.seconds;
        let each = seconds / f64::from(self.open.of.min(plan.blocks.len() as u32).max(1));
        if plan.cohorts() > 0 {
            tell!(
                "about {} of one task's work, cut into {} tasks of about {}",
                duration(seconds),
                self.open.of,
                duration(each)
            );
        }
        for note in self.submission.notes {
            tell!("{note}");
        }
    }

    /// Writes the run's part of the folder, submits the array and the job that reports, and remembers
    /// them.
    fn hand_over(&self) -> Result<Job> {
        let Submission { run, manifest, .. } = *self.submission;
        if let Some(problem) = claimed_whole(run)? {
            return Err(problem);
        }
        if self.submission.retry_failed {
            let count = set_aside(run, manifest)?;
            tell!("{count} failed trials are run again");
        }
        let preset = organism::preset(self.submission.organism, self.roots);
        pinned::write(self.submission, preset.as_deref())?;
        let folder = run.join(FOLDER);
        let [tasks, report] = ["tasks.sh", "report.sh"].map(|name| folder.join(name));
        self.scripts(|scripts| {
            let text = scripts.tasks(&self.open.tasks, self.open.of);
            write_atomically(&tasks, text.as_bytes())?;
            write_atomically(&report, scripts.report().as_bytes())
        })??;
        let profile = self.submission.profile;
        let path = |path: &Path| path.display().to_string();
        let mut job = Job {
            job: client::sbatch(&[&path(&tasks)], profile.partition.as_ref())?,
            report: None,
            of: self.open.of,
            tasks: self.open.tasks.clone(),
            trials: self.submission.plan.trials,
            arguments: self.arguments(),
        };
        job.write(run)?;
        let after = self.open.before.iter().chain([&job.job]);
        let after: Vec<String> = after.map(u64::to_string).collect();
        let dependency = format!("--dependency=afterany:{}", after.join(":"));
        let arguments = [dependency.as_str(), &path(&report)];
        match client::sbatch(&arguments, profile.partition_of_report()) {
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
        let mut folders = vec![("PICKLOCK_CACHE", absolute(self.submission.cache)?)];
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
            run: self.submission.run,
            here: &here,
            picklock: &picklock,
            folders: &folders,
            pinned: &pinned::place(self.submission.run),
            arguments: &self.arguments(),
            profile: self.submission.profile,
        }))
    }

    fn arguments(&self) -> RunArguments {
        let submission = self.submission;
        let path = Path::new(submission.organism);
        let is_file = path.extension().is_some_and(|end| end == "toml");
        let organism = match is_file.then(|| absolute(path)) {
            Some(Ok(path)) => path.display().to_string(),
            _ => submission.organism.to_string(),
        };
        RunArguments::new(submission.manifest, &organism, submission.workers)
    }
}

/// A path as all nodes have it: links stay, since what is behind them may be the login node's alone.
///
/// # Errors
/// Where there is no current folder.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).map_err(Error::io(path, "find"))?;
    Ok(path.components().collect())
}
