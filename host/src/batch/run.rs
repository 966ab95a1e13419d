//! One run, from a request to a report.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use picklock_lm::{Device, runtime};

use super::adopt::adopt;
use super::enlist::{Call, Enlisted};
use super::estimate::Costs;
use super::folder::RunFolder;
use super::plan::{Plan, geometry, needed_arms};
use super::progress::{Progress, readable};
use super::supervisor::{STOP, Supervisor};
use super::surroundings::{environment, git_state};
use crate::error::{Error, Result};
use crate::hypothesis::{self, Registration};
use crate::journal::{self, Manifest};
use crate::organism::{self, Cache, Key};
use crate::plugins::Roots;

/// What is asked for.
pub struct Request<'a> {
    /// Names of hypotheses; none means all.
    pub hypotheses: &'a [String],
    /// A preset's name, or a path.
    pub organism: &'a str,
    /// Replicates.
    pub seeds: u32,
    /// Choices of weak samples within each.
    pub draws: u32,
    /// `cpu` or `cuda:N`.
    pub device: &'a str,
    /// The run's folder, where it isn't the default.
    pub out: Option<PathBuf>,
    /// Whether an old folder is moved aside.
    pub fresh: bool,
    /// Whether the workspace's plugins are built.
    pub build: bool,
    /// The root of all random streams.
    pub root_seed: u64,
}

/// Runs what the journal lacks, then reports; `true` where some trial failed.
///
/// # Errors
/// Where the input is bad, the folder belongs to another run, or the run can't go on. What was
/// finished is in the journal.
pub fn run(request: &Request, roots: &Roots) -> Result<bool> {
    let all = hypothesis::all(roots)?;
    let chosen = hypothesis::select(&all, request.hypotheses)?;
    let organism = organism::find(request.organism, roots)?;
    runtime::start(None);
    let device = runtime::parse_device(request.device)?;
    let path = match &request.out {
        Some(path) => path.clone(),
        None => default_folder(&organism.name, &chosen, &all),
    };
    let cuda = device != Device::Cpu;
    let mut manifest = Manifest {
        format: Manifest::FORMAT,
        picklock: env!("CARGO_PKG_VERSION").to_string(),
        git: roots.workspace().and_then(git_state),
        organism,
        root_seed: request.root_seed,
        planned_seeds: request.seeds,
        seeds: request.seeds,
        draws: request.draws,
        geometry: geometry(cuda, request.seeds, request.draws),
        environment: environment(device),
        hypotheses: Vec::new(),
    };
    if !request.fresh && path.join("manifest.json").exists() {
        adopt(&path, &mut manifest, &chosen, &all)?;
    }
    let needed = needed_arms(&chosen, &all)?;
    let call = Call {
        needed: &needed,
        chosen: &chosen,
        all: &all,
        before: &manifest.hypotheses,
    };
    let Enlisted {
        hypotheses,
        plugins,
    } = call.enlist(roots, request.build)?;
    manifest.hypotheses = hypotheses;
    let folder = RunFolder::claim(&path, request.fresh)?;
    write_down(&folder.path, &manifest, &all)?;
    run_plan(&folder.path, &manifest, plugins, request.device, cuda)?;
    let failed = crate::report::write(&folder.path, roots)?;
    println!("\nwritten to {}", folder.path.display());
    for reason in failed.iter().take(5) {
        eprintln!("failed: {reason}");
    }
    if !failed.is_empty() {
        let count = failed.len();
        eprintln!("{count} trials failed; trials.csv has every reason");
    }
    let refused = manifest
        .hypotheses
        .iter()
        .filter_map(|h| h.refused.as_ref());
    let refused = refused.inspect(|reason| eprintln!("refused: {reason}"));
    Ok(refused.count() > 0 || !failed.is_empty())
}

/// Runs what is left of the plan.
fn run_plan(
    run: &Path,
    manifest: &Manifest,
    plugins: Vec<(String, PathBuf)>,
    device: &str,
    cuda: bool,
) -> Result<()> {
    let journal = run.join("journal");
    let segments = journal::read_all(&journal)?;
    let finished: HashSet<Key> = segments
        .into_iter()
        .flat_map(|segment| segment.trials)
        .map(|trial| trial.id)
        .collect();
    let plan = Plan::new(manifest, &finished);
    let cache = Cache::of_user()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = if cuda { 1 } else { cores };
    let costs = Costs::new(manifest, &plan, cuda, &cache, workers);
    announce(run, manifest, &plan, &costs, device, workers);
    if plan.done == plan.trials {
        return Ok(());
    }
    // A second handler can't be set; the first does the same.
    let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed));
    let supervisor = Supervisor {
        run,
        manifest,
        plugins,
        device: device.to_string(),
        workers,
    };
    let started = Instant::now();
    let mut progress = Progress::new(costs, plan.trials - plan.done);
    let result = supervisor.run(&plan, &mut progress);
    progress.end();
    result?;
    let seconds = started.elapsed().as_secs_f64();
    eprintln!(
        "{} trials in {}",
        plan.trials - plan.done,
        readable(seconds)
    );
    Ok(())
}

/// Says what will be done and about how long it takes.
fn announce(
    run: &Path,
    manifest: &Manifest,
    plan: &Plan,
    costs: &Costs,
    device: &str,
    workers: usize,
) {
    let arms: usize = manifest
        .hypotheses
        .iter()
        .map(|hypothesis| hypothesis.arms.len())
        .sum();
    let names: Vec<&str> = manifest
        .hypotheses
        .iter()
        .map(|h| h.name.as_str())
        .collect();
    eprintln!(
        "{}: {} ({arms} arms) x {} seeds x {} draws = {} trials, into {}",
        manifest.organism.name,
        names.join(" + "),
        manifest.seeds,
        manifest.draws,
        plan.trials,
        run.display()
    );
    match plan.trials - plan.done {
        0 => eprintln!("all of them are in the journal"),
        open => eprintln!(
            "{open} to run in {} cohorts on {device} ({} worker processes), about {}",
            plan.cohorts(),
            workers.clamp(1, plan.blocks.len()),
            readable(costs.total())
        ),
    }
}

/// `results/ORGANISM` for all hypotheses, with their names for some of them.
fn default_folder(organism: &str, chosen: &[Registration], all: &[Registration]) -> PathBuf {
    let names: Vec<&str> = chosen
        .iter()
        .map(|registration| registration.name.as_str())
        .collect();
    let folder = match chosen.len() == all.len() {
        true => organism.to_string(),
        false => format!("{organism}-{}", names.join("-")),
    };
    Path::new("results").join(folder)
}

/// Writes manifest and pre-registrations, before the first trial.
fn write_down(run: &Path, manifest: &Manifest, all: &[Registration]) -> Result<()> {
    let folder = run.join("hypotheses");
    std::fs::create_dir_all(&folder).map_err(Error::io(&folder, "make the folder"))?;
    for hypothesis in &manifest.hypotheses {
        if let Some(registration) = all.iter().find(|known| known.name == hypothesis.name) {
            let path = folder.join(format!("{}.toml", hypothesis.name));
            journal::write_atomically(&path, registration.text.as_bytes())?;
        }
    }
    manifest.write(run)
}
