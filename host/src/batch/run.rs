//! One run, from a request to a report.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Instant;

use picklock_lm::{Device, runtime};
use picklock_sdk::Arm;

use super::estimate::Costs;
use super::folder::RunFolder;
use super::plan::{Plan, geometry, needed_arms};
use super::progress::{Progress, readable};
use super::supervisor::{STOP, Supervisor, describe};
use crate::error::{Error, Result};
use crate::hypothesis::{self, ArmRef, Registration};
use crate::journal::{self, Environment, Manifest, RunHypothesis};
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
    let failed = run_plan(&folder.path, &manifest, &files, request.device, cuda)?;
    crate::report::write(&folder.path)?;
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

/// Runs what is left of the plan; gives the reasons of failed trials, old ones included.
fn run_plan(
    run: &Path,
    manifest: &Manifest,
    files: &[PluginFile],
    device: &str,
    cuda: bool,
) -> Result<Vec<String>> {
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
        return Ok(Vec::new());
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
    let failed = supervisor.run(&plan, &mut progress);
    progress.end();
    if failed.is_ok() {
        eprintln!(
            "{} trials in {}",
            plan.trials - plan.done,
            readable(started.elapsed().as_secs_f64())
        );
    }
    failed
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

/// Takes over an existing run's plan: the same run, perhaps with more seeds.
fn adopt(
    path: &Path,
    manifest: &mut Manifest,
    chosen: &[Registration],
    all: &[Registration],
) -> Result<()> {
    let old = Manifest::read(path)?;
    let other = |what: &str, old: String, new: String| {
        let problem = format!(
            "belongs to {what} {old}, this is {new}; choose another folder with --out, or --fresh to move it aside"
        );
        Err(Error::file(path, problem))
    };
    if old.organism.name != manifest.organism.name {
        return other(
            "organism",
            old.organism.name,
            manifest.organism.name.clone(),
        );
    }
    if old.organism != manifest.organism {
        let name = &old.organism.name;
        return other(
            "an earlier version of organism",
            name.clone(),
            "a changed one".into(),
        );
    }
    let judged = |hypotheses: &[RunHypothesis]| -> Vec<String> {
        let judged = hypotheses.iter().filter(|hypothesis| hypothesis.judged);
        judged.map(|hypothesis| hypothesis.name.clone()).collect()
    };
    let names: Vec<String> = chosen
        .iter()
        .map(|registration| registration.name.clone())
        .collect();
    if judged(&old.hypotheses) != names {
        return other(
            "hypotheses",
            judged(&old.hypotheses).join(", "),
            names.join(", "),
        );
    }
    for hypothesis in &old.hypotheses {
        let now = all
            .iter()
            .find(|registration| registration.name == hypothesis.name);
        if now.and_then(|registration| registration.hash.as_ref()) != Some(&hypothesis.registration)
        {
            let problem = format!(
                "hypotheses/{}.toml has changed since this run began; undo that, choose another folder with --out, or --fresh to move it aside",
                hypothesis.name
            );
            return Err(Error::file(path, problem));
        }
    }
    if old.environment.numeric() != manifest.environment.numeric() {
        let (old, new) = (old.environment.numeric(), manifest.environment.numeric());
        return other("environment", old, new);
    }
    if (old.root_seed, old.draws) != (manifest.root_seed, manifest.draws) {
        let text = |root: u64, draws: u32| format!("root seed {root} with {draws} draws");
        let (old, new) = (
            text(old.root_seed, old.draws),
            text(manifest.root_seed, manifest.draws),
        );
        return other("a run of", old, new);
    }
    manifest.geometry = old.geometry;
    manifest.planned_seeds = old.planned_seeds;
    manifest.seeds = manifest.seeds.max(old.seeds);
    manifest.git = old.git;
    manifest.picklock = old.picklock;
    Ok(())
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

/// The commit that the workspace is at.
fn git_state(workspace: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(workspace)
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
        output.status.success().then_some(text)
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let dirty = !git(&["status", "--porcelain"])?.is_empty();
    Some(if dirty {
        format!("{commit}-dirty")
    } else {
        commit
    })
}

fn environment(device: Device) -> Environment {
    let (name, driver) = match device {
        Device::Cuda(index) => gpu(index),
        _ => (cpu(), None),
    };
    Environment {
        device: name,
        precision: "fp32 weights, states and arithmetic".to_string(),
        libtorch: runtime::libtorch_version().to_string(),
        threads: 1,
        driver,
    }
}

/// The vector instructions decide which kernels libtorch takes.
fn cpu() -> String {
    let vectors = if std::is_x86_feature_detected!("avx512f") {
        "avx512"
    } else if std::is_x86_feature_detected!("avx2") {
        "avx2"
    } else {
        "no avx2"
    };
    format!("cpu {} {vectors}", std::env::consts::ARCH)
}

/// The GPU's name and driver, as its own tool says.
fn gpu(index: usize) -> (String, Option<String>) {
    let query = ["--query-gpu=name,driver_version", "--format=csv,noheader"];
    let output = Command::new("nvidia-smi")
        .args(query)
        .arg(format!("--id={index}"))
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match text.unwrap_or_default().trim().split_once(", ") {
        Some((name, driver)) => (name.to_string(), Some(driver.to_string())),
        None => ("cuda".to_string(), None),
    }
}
