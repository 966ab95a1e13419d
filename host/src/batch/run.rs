//! One run, from a request to a report.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use picklock_lm::{Device, runtime};
use picklock_sdk::Arm;

use super::adopt::adopt;
use super::estimate::Costs;
use super::folder::RunFolder;
use super::plan::{Plan, geometry, needed_arms};
use super::progress::{Progress, readable};
use super::supervisor::{STOP, Supervisor, describe};
use super::surroundings::{environment, git_state};
use crate::error::{Error, Result};
use crate::hypothesis::{self, ArmRef, Registration};
use crate::journal::{self, Manifest, RunHypothesis};
use crate::organism::{self, Cache, Key};
use crate::plugins::{self, PluginFile, Roots};

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
    let names = hypotheses_of(&needed);
    let files = plugins::find(&names, roots, request.build)?;
    manifest.hypotheses = describe_all(&files, &needed, &chosen, &all)?;
    let folder = RunFolder::claim(&path, request.fresh)?;
    write_down(&folder.path, &manifest, &all)?;
    run_plan(&folder.path, &manifest, &files, request.device, cuda)?;
    let failed = crate::report::write(&folder.path, roots)?;
    println!("\nwritten to {}", folder.path.display());
    for reason in failed.iter().take(5) {
        eprintln!("failed: {reason}");
    }
    match failed.len() {
        0 => Ok(false),
        count => {
            eprintln!("{count} trials failed; trials.csv has every reason");
            Ok(true)
        }
    }
}

/// Runs what is left of the plan.
fn run_plan(
    run: &Path,
    manifest: &Manifest,
    files: &[PluginFile],
    device: &str,
    cuda: bool,
) -> Result<()> {
    let journal = run.join("journal");
    let plan = Plan::new(manifest, &finished(&journal)?);
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
        plugins: files.iter().map(|file| file.path.clone()).collect(),
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

/// The trials that the journal holds. A damaged segment is set aside, and its trials run again.
fn finished(journal: &Path) -> Result<HashSet<Key>> {
    let mut finished = HashSet::new();
    for path in journal::segments(journal)? {
        match journal::read::<serde::de::IgnoredAny>(&path)? {
            Ok(segment) => finished.extend(segment.trials.into_iter().map(|trial| trial.id)),
            Err(damaged) => {
                let aside = journal::set_aside(&damaged)?;
                let aside = aside.file_name().unwrap_or_default().display();
                eprintln!("{damaged}; set aside as {aside}, its trials are run again");
            }
        }
    }
    Ok(finished)
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

fn hypotheses_of(needed: &[ArmRef]) -> Vec<String> {
    let mut names: Vec<String> = needed
        .iter()
        .filter_map(|arm| arm.hypothesis.clone())
        .collect();
    names.dedup();
    names
}

/// What the manifest says of each hypothesis: its plugin, and its arms with all parameters.
fn describe_all(
    files: &[PluginFile],
    needed: &[ArmRef],
    chosen: &[Registration],
    all: &[Registration],
) -> Result<Vec<RunHypothesis>> {
    let asked = files
        .iter()
        .map(|file| (file.path.clone(), file.hash.clone()))
        .collect();
    let declared: Vec<Vec<Arm>> = describe(asked)?;
    let describe = |(file, declared): (&PluginFile, Vec<Arm>)| {
        let registration = all
            .iter()
            .find(|registration| registration.name == file.name)
            .ok_or_else(|| Error::Usage(format!("no hypotheses/{}.toml", file.name)))?;
        let wanted = |name: &str| needed.contains(&ArmRef::of(&file.name, name));
        let arms = registration.arms.iter().filter(|arm| wanted(&arm.name));
        let arms = arms.map(|arm| registration.resolve(arm, &declared));
        Ok(RunHypothesis {
            name: file.name.clone(),
            judged: chosen
                .iter()
                .any(|registration| registration.name == file.name),
            registration: registration.hash.clone().unwrap_or_else(|| Key::of(&())),
            version: file.version.clone(),
            sdk: file.sdk.clone(),
            file: file.hash.clone(),
            code: file.code.clone(),
            time_limit_s: registration.time_limit_s,
            arms: arms.collect::<Result<_>>()?,
        })
    };
    files.iter().zip(declared).map(describe).collect()
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
