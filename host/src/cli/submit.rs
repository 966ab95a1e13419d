//! `picklock submit`: hand a run to a cluster, or what it lacks.

use std::path::Path;

use clap::Args;
use picklock_lab::Cache;
use picklock_message::{Error, Result, say, sayln, shell};
use picklock_record::Roots;
use picklock_run::{Request, Site};
use picklock_slurm::{Job, Profile, RunArguments, Submission, Submitted};

use crate::cli::experiment::Experiment;
use crate::cli::number::{COUNT, whole};

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
    /// Runs the command; never `true`, since nothing has been run yet.
    ///
    /// # Errors
    /// Where the input is bad, there is no Slurm here, or it refuses the job.
    pub fn main(&self, roots: &Roots) -> Result<bool> {
        debug_assert!(self.slurm, "clap requires it");
        let profile = Profile::of_user()?.with(self.profile())?;
        if profile.has_gpu() && self.experiment.workers.is_some() {
            let problem = "--workers counts processes on a CPU; a GPU has one worker";
            return Err(Error::Usage(problem.into()));
        }
        let run = self.run();
        let asked = run.map(RunArguments::of).transpose()?;
        let before = run.zip(asked.as_ref());
        let request = match before {
            Some((run, asked)) => self.again(run, asked)?,
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
        Ok(false)
    }

    /// The nodes that tasks run on.
    fn nodes(&self, profile: &Profile) -> Site {
        let gpus = if profile.has_gpu() {
            self.array_size.unwrap_or(1)
        } else {
            0
        };
        let memory = profile
            .gpu_memory
            .map(|gibibytes| u64::from(gibibytes) << 30);
        Site::Nodes { gpus, memory }
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

    /// What a run is of that has been submitted or begun before, perhaps with more seeds.
    fn again<'a>(&'a self, run: &Path, asked: &'a RunArguments) -> Result<Request<'a>> {
        let Experiment {
            organism,
            seeds,
            draws,
            workers,
            out,
            root_seed,
            ..
        } = &self.experiment;
        let said = [
            ("--organism", organism.is_some()),
            ("--draws", draws.is_some()),
            ("--out", out.is_some()),
            ("--root-seed", root_seed.is_some()),
        ];
        if let Some((flag, _)) = said.iter().find(|(_, given)| *given) {
            let run = run.display();
            return Err(Error::Usage(format!(
                "{run} says itself what it is of; leave {flag} out, or name hypotheses instead of {run}"
            )));
        }
        Ok(Request {
            hypotheses: &asked.hypotheses,
            organism: &asked.organism,
            seeds: seeds.unwrap_or(asked.seeds),
            draws: asked.draws,
            root_seed: asked.root_seed,
            width: self.experiment.width.or(Some(asked.width)),
            workers: Some(workers.map_or(asked.workers, |workers| workers as usize)),
            out: Some(run.to_path_buf()),
            ..self.experiment.request()
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
    let mut ids = vec![job.job];
    ids.extend(job.report);
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
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
