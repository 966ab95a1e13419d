//! What a request comes to, before anything is written: the manifest and the plugins.

use std::path::{Path, PathBuf};

use picklock_lab::{Rule, check_ready};
use picklock_lm::{Device, runtime};
use picklock_message::{Error, Result};
use picklock_record::{
    ArmRef, Capabilities, Manifest, Registration, Roots, hypothesis, needed_arms, obstacle,
    organism,
};
use picklock_task::Unused;

use crate::admission::Candidates;
use crate::estimate::Size;
use crate::rehearsal::Rehearsal;
use crate::request::{Request, Site};
use crate::resume::resume;
use crate::surroundings::{devices, environment, git_state, memory};
use crate::width::{check_width, cut};

/// A request that can be run.
pub struct PreparedRun {
    /// The run's folder.
    pub path: PathBuf,
    /// What the run is.
    pub manifest: Manifest,
    /// Hypotheses whose plugins are admitted, and their files.
    pub plugins: Vec<(String, PathBuf)>,
    /// Every pre-registration that there is.
    pub registrations: Vec<Registration>,
    /// Those whose claims are judged.
    pub judged: Vec<Registration>,
    /// How large its models and problems are.
    pub size: Size,
    /// Whether it runs on a GPU.
    pub cuda: bool,
    /// Where each worker runs.
    pub devices: Vec<String>,
    /// What of the task's data isn't used.
    pub unused: Vec<Unused>,
    /// Why its folder can't be written, where it is only looked at.
    pub obstacle: Option<Error>,
    /// What its arms ask for, where that had to be known to leave some out.
    pub rehearsal: Option<Rehearsal>,
}

impl Request<'_> {
    /// Finds everything that the run needs. Nothing is written but what cargo builds.
    ///
    /// # Errors
    /// Where the input is bad, or the folder belongs to another run.
    pub fn prepare(&self, roots: &Roots) -> Result<PreparedRun> {
        let all = hypothesis::all(roots)?;
        let chosen = hypothesis::select(&all, self.hypotheses)?;
        let organism = organism::find(self.organism, roots)?;
        crate::log::level()?;
        Rule::of_user()?;
        runtime::start(None);
        let (device, devices) = match self.site {
            Site::Here => devices(self.devices, self.workers)?,
            Site::Nodes { .. } => (Device::Cpu, vec!["cpu".into(); self.workers.unwrap_or(1)]),
        };
        let default = || default_folder(&organism.name, &chosen, &all);
        let path = self.out.clone().unwrap_or_else(default);
        let obstacle = match obstacle(&path, self.fresh) {
            Some(problem) if !self.dry_run => return Err(problem),
            obstacle => obstacle,
        };
        let task = organism.open_task()?;
        check_ready(&organism, &*task)?;
        let size = Size::of(&organism, &*task)?;
        let complete = Capabilities::of(&*task).are_complete(&organism);
        let (gpus, memory) = match self.site {
            Site::Here if device == Device::Cpu => (0, None),
            Site::Here => (devices.len() as u32, memory(device)),
            Site::Nodes { gpus, memory } => (gpus, memory),
        };
        let mut manifest = Manifest {
            format: Manifest::FORMAT,
            picklock: env!("CARGO_PKG_VERSION").to_string(),
            git: roots.workspace().and_then(git_state),
            environment: environment(device, &organism),
            organism,
            root_seed: self.root_seed,
            planned_seeds: self.seeds,
            seeds: self.seeds,
            draws: self.draws,
            geometry: cut(self, gpus, size.side_by_side(memory)),
            hypotheses: Vec::new(),
        };
        manifest.check().map_err(Error::Usage)?;
        if !self.fresh && path.join("manifest.json").exists() {
            if self.site != Site::Here {
                // The nodes' own, which they compare themselves.
                manifest.environment = Manifest::read(&path)?.environment;
            }
            resume(&path, &mut manifest, &chosen, &all)?;
            check_width(&path, self, manifest.geometry)?;
        }
        let needed = needed_arms(&chosen, &all)?;
        let candidates = Candidates {
            needed: &needed,
            chosen: &chosen,
            all: &all,
            before: &manifest.hypotheses,
            joins: self.shard.is_some(),
        };
        let admitted = candidates.admit(roots, self.build)?;
        // What has been left out before is left out again: that depends on organism and plugins alone.
        let unchanged = admitted.hypotheses == manifest.hypotheses;
        manifest.hypotheses = admitted.hypotheses;
        let plugins = admitted.plugins;
        let mut rehearsal = None;
        if !(complete || unchanged) {
            let known = rehearsal.insert(Rehearsal::of(&manifest, &plugins)?);
            known.leave_out(&mut manifest.hypotheses);
        }
        check_trials(&manifest, self.dry_run)?;
        Ok(PreparedRun {
            path,
            manifest,
            plugins,
            registrations: all,
            judged: chosen,
            size,
            cuda: gpus > 0,
            devices,
            unused: task.unused(),
            obstacle,
            rehearsal,
        })
    }
}

/// Refuses a run whose arms are all left out, where it isn't only looked at.
fn check_trials(manifest: &Manifest, dry_run: bool) -> Result<()> {
    let mut hypotheses = manifest.hypotheses.iter();
    if dry_run || hypotheses.any(|run| run.left_out.is_empty() || !run.arms.is_empty()) {
        return Ok(());
    }
    let (name, lines) = (
        &manifest.organism.name,
        manifest.left_out_lines().join("; "),
    );
    Err(Error::Usage(format!("{name}: no arm can be run: {lines}")))
}

impl PreparedRun {
    /// The judged hypotheses with the predictions whose arms are run.
    pub fn testable(&self) -> Vec<Registration> {
        let runs =
            |home: &str, arm: &ArmRef| self.manifest.unsupported(&arm.absolute(home)).is_none();
        let testable = |registration: &Registration| {
            let mut testable = registration.clone();
            testable.predictions.retain(|prediction| {
                let mut arms = prediction.arms().into_iter().chain([&registration.core]);
                arms.all(|arm| runs(&registration.name, arm))
            });
            testable
        };
        self.judged.iter().map(testable).collect()
    }

    /// Checks that shards on nodes with GPUs, or without, can resume a run that has begun.
    ///
    /// # Errors
    /// Where it began on another kind of device, or with another plugin: which, and what to do.
    pub fn check_resumable(&self) -> Result<()> {
        if !self.path.join("manifest.json").exists() {
            return Ok(());
        }
        let theirs = Manifest::read(&self.path)?;
        let device = &theirs.environment.device;
        if device.starts_with("cpu ") == self.cuda {
            let advice = if self.cuda {
                "give --gres ''"
            } else {
                "give --gres gpu:1, or as it is called here"
            };
            let problem = format!("began on {device}; {advice}");
            return Err(Error::file(&self.path, problem));
        }
        let mut pairs = self.manifest.hypotheses.iter().zip(&theirs.hypotheses);
        let Some((mine, _)) = pairs.find(|(mine, theirs)| mine != theirs) else {
            return Ok(());
        };
        if let Some(reason) = &mine.refused {
            return Err(Error::Usage(reason.clone()));
        }
        let problem = format!(
            "began with another plugin {} than there is now; undo that, or choose another folder with --out",
            mine.name
        );
        Err(Error::file(&self.path, problem))
    }
}

/// `results/ORGANISM` for all hypotheses, with their names for some of them.
fn default_folder(organism: &str, chosen: &[Registration], all: &[Registration]) -> PathBuf {
    let mut parts = vec![organism];
    if chosen.len() < all.len() {
        parts.extend(chosen.iter().map(|registration| registration.name.as_str()));
    }
    Path::new("results").join(parts.join("-"))
}
