//! `picklock submit`: hand a run to a cluster, or what it lacks.

use std::path::Path;

use clap::Args;
use picklock_lab::Cache;
use picklock_message::{Error, Exit, Result, say, sayln, shell};
use picklock_record::Roots;
use picklock_run::{Request, Site};
use picklock_slurm::{Job, Profile, RunArguments, Submission, Submitted};

use crate::args::experiment::Experiment;
use crate::args::number::{COUNT, whole};

/// Hand a run to a Slurm cluster as a job array, or what a run that has begun lacks.
#[derive(Args)]
pub struct Submit {
    /// To Slurm, the only scheduler that picklock speaks to.
    #[arg(long, required = true)]
    slurm: bool,
    /// Hypotheses to run, or the folder of a run that has been submitted or begun before. [default: all]
    #[command(flatten)]
    experiment: Experiment,
    /// Tasks of the array. [default: as before; else so that each takes some minutes]
    #[arg(long, value_name = "N", value_parser = whole::<u32>(COUNT), allow_negative_numbers = true)]
    array_size: Option<u32>,
    /// Tasks that run at the same time at most. [default: as many as Slurm lets]
    #[arg(long, value_name = "M", value_parser = whole::<u32>(COUNT), allow_negative_numbers = true)]
    max_running: Option<u32>,
    /// The partition. [this and the next: ~/.config/picklock/slurm.toml, else the cluster's default]
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// The partition of the job that reports. [default: the tasks']
    #[arg(long, value_name = "NAME")]
    report_partition: Option<String>,
    /// The account that pays.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// What else a task needs, as in gpu:1; with a GPU models run there, without on the CPU.
    #[arg(long, value_name = "GRES")]
    gres: Option<String>,
    /// GiB of memory of a node's GPU, by which large models are cut: 80 for an H100.
    #[arg(long, value_name = "GIB", value_parser = whole::<u32>(COUNT), allow_negative_numbers = true)]
    gpu_memory: Option<u32>,
    /// A task's time limit, as Slurm writes it; a task that reaches it goes on where it stopped.
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// One more argument of sbatch, as in --sbatch-arg=--qos=low; may be repeated.
    #[arg(long = "sbatch-arg", value_name = "ARG", allow_hyphen_values = true)]
    sbatch: Vec<String>,
    /// Print the script, and submit nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Submit {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the input is bad, there is no Slurm here, or it refuses the job.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        debug_assert!(self.slurm, "clap requires it");
        let profile = Profile::of_user()?.with(self.profile())?;
        if profile.has_gpu() && self.experiment.workers.is_some() {
            let problem = "--workers counts processes on a CPU; a GPU has one worker";
            return Err(Error::Usage(problem.into()));
        }
        let run = self.run();
        let before = run.map(RunArguments::of).transpose()?;
        let request = match run.zip(before.as_ref()) {
            Some((run, before)) => self.again(run, before)?,
            None => self.experiment.request(),
        };
        let request = Request {
            workers: Some(request.workers.unwrap_or(1)),
            dry_run: self.dry_run,
            site: self.nodes(&profile),
            ..request
        };
        if !self.dry_run {
            picklock_slurm::check()?;
        }
        let prepared = request.prepare(roots)?;
        prepared.check_resumable()?;
        let planned = prepared.plan(&request)?;
        let run = picklock_slurm::absolute(&prepared.path)?;
        let cache = Cache::of_user()?;
        let submission = Submission {
            run: &run,
            manifest: &prepared.manifest,
            registrations: &prepared.registrations,
            plugins: &prepared.plugins,
            plan: &planned.plan,
            seconds: planned.costs.total(),
            notes: &planned.notes(),
            organism: request.organism,
            workers: request.workers.unwrap_or(1),
            cache: cache.path(),
            profile: &profile,
            array_size: self.array_size,
            retry_failed: request.retry_failed,
            dry_run: self.dry_run,
        };
        match picklock_slurm::submit(&submission, roots)? {
            Submitted::Script(script) => say!("{script}"),
            Submitted::Nothing(why) => sayln!("{why}"),
            Submitted::Job(job) => say!("{}", watching(&job, &run)),
        }
        Ok(Exit::Done)
    }

    /// The nodes that tasks run on.
    fn nodes(&self, profile: &Profile) -> Site {
        let gpus = profile.has_gpu().then(|| self.array_size.unwrap_or(1));
        let memory = profile.gpu_memory.map(|gib| u64::from(gib) << 30);
        Site::Nodes {
            gpus: gpus.unwrap_or(0),
            memory,
        }
    }

    /// The run's folder, where that is given instead of hypotheses.
    fn run(&self) -> Option<&Path> {
        let [only] = self.experiment.hypotheses.as_slice() else {
            return None;
        };
        let run = Path::new(only);
        let begun = ["manifest.json", "slurm"].map(|name| run.join(name).exists());
        (only.contains('/') || begun.contains(&true)).then_some(run)
    }

    /// The request of a run that has been submitted or begun before, perhaps with more seeds.
    fn again<'a>(&'a self, run: &Path, before: &'a RunArguments) -> Result<Request<'a>> {
        let given = &self.experiment;
        let fixed = [
            ("--organism", given.organism.is_some()),
            ("--draws", given.draws.is_some()),
            ("--out", given.out.is_some()),
            ("--root-seed", given.root_seed.is_some()),
        ];
        if let Some((flag, _)) = fixed.iter().find(|(_, given)| *given) {
            let run = run.display();
            return Err(Error::Usage(format!(
                "{run} says itself what it is of; leave {flag} out, or name hypotheses instead of {run}"
            )));
        }
        Ok(Request {
            hypotheses: &before.hypotheses,
            organism: &before.organism,
            seeds: given.seeds.unwrap_or(before.seeds),
            draws: before.draws,
            root_seed: before.root_seed,
            width: given.width.or(Some(before.width)),
            workers: Some(
                given
                    .workers
                    .map_or(before.workers, |workers| workers as usize),
            ),
            out: Some(run.to_path_buf()),
            ..given.request()
        })
    }

    fn profile(&self) -> Profile {
        Profile {
            partition: self.partition.clone(),
            report_partition: self.report_partition.clone(),
            account: self.account.clone(),
            gres: self.gres.clone(),
            gpu_memory: self.gpu_memory,
            time: self.time.clone(),
            max_running: self.max_running,
            sbatch: self.sbatch.clone(),
            ..Profile::default()
        }
    }
}

/// What was submitted, and how to watch it.
fn watching(job: &Job, run: &Path) -> String {
    let ids: Vec<String> = [Some(job.job), job.report]
        .iter()
        .flatten()
        .map(u64::to_string)
        .collect();
    let report = match job.report {
        Some(report) => format!("; job {report} reports when they have ended"),
        None => String::new(),
    };
    let (words, run, ids) = (job.in_words(), shell::path(run), ids.join(","));
    format!(
        "submitted: {words}{report}\n\
         script:    {run}/slurm/tasks.sh\n\
         watch:     picklock status {run}\n\
         or:        squeue --jobs {ids}\n"
    )
}
