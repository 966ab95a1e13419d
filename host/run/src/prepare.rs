//! What a request comes to, before anything is written: the manifest, the plugins, the plan and its
//! cost.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use picklock_files::Key;
use picklock_lab::{Cache, Rule, check_ready, host_memory};
use picklock_lm::{Device, runtime};
use picklock_message::{Error, Result, grouped};
use picklock_record::{
    ArmRef, Capabilities, GradedTrial, LockCopies, Manifest, Outcome, Plan, Registration, Roots,
    Shard, Trial, hypothesis, journal, needed_arms, obstacle, organism,
};
use picklock_task::Unused;

use crate::adopt::adopt;
use crate::enlist::{Call, Enlisted};
use crate::estimate::{Basis, Costs, Size, lock_copies};
use crate::outlook::left_out;
use crate::rehearsal::Rehearsal;
use crate::surroundings::{devices, environment, git_state, memory};
use crate::width::{check_width, cut};

/// What is asked for.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Request<'a> {
    /// Names of hypotheses; none means all.
    pub hypotheses: &'a [String],
    /// A preset's name, or a path.
    pub organism: &'a str,
    /// Replicates.
    pub seeds: u32,
    /// Choices of weak samples within each.
    pub draws: u32,
    /// `cpu`, or GPUs as in `cuda:N`.
    pub devices: &'a [String],
    /// Worker processes on a CPU; none means one a core.
    pub workers: Option<usize>,
    /// How many members run side by side, where it isn't left to the host.
    pub width: Option<u32>,
    /// The part that this process runs; none means all.
    pub shard: Option<Shard>,
    /// Whether failed trials are run again.
    pub retry_failed: bool,
    /// Whether events are printed instead of tables.
    pub json: bool,
    /// The run's folder, where it isn't the default.
    pub out: Option<PathBuf>,
    /// Whether an old folder is moved aside.
    pub fresh: bool,
    /// Whether the workspace's plugins are built.
    pub build: bool,
    /// Whether it is only looked at.
    pub dry_run: bool,
    /// The root of all random streams.
    pub root_seed: u64,
    /// Where it is run.
    pub place: Place,
}

/// Where a request is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// On this machine.
    #[default]
    Here,
    /// On the nodes of a cluster, whose devices this machine need not have: it is planned as for so
    /// many GPUs, or for CPUs where that is 0.
    Nodes {
        /// GPUs.
        gpus: u32,
        /// Bytes of memory of each, where that is known.
        memory: Option<u64>,
    },
}

/// A request that can be run.
pub struct Prepared {
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
    rehearsal: Option<Rehearsal>,
}

/// What is left to run, and what it costs.
pub struct Planned {
    /// What is left.
    pub plan: Plan,
    /// What it costs.
    pub costs: Costs,
    /// The copies that its arms ask for on the way of their locks.
    pub copies: LockCopies,
    /// Hypotheses whose cost is a guess, and why.
    pub guessed: Vec<String>,
    /// Finished trials in the journal that don't count, since other builds of the plugins made them.
    pub of_other_builds: usize,
    /// What of the task's data isn't used.
    pub unused: Vec<Unused>,
    /// What speaks of too little memory, where a CPU's workers take more than the machine has.
    pub short_of_memory: Option<String>,
}

impl Planned {
    /// What is to be said beside the plan, a line each.
    pub fn notes(&self) -> Vec<String> {
        let guess = |reason| format!("of that, a guess: {reason}");
        let unused = self.unused.iter().map(Unused::to_string);
        let mut notes: Vec<String> = unused.collect();
        notes.extend(self.short_of_memory.clone());
        notes.extend(self.guessed.iter().map(guess));
        if self.of_other_builds > 0 {
            notes.push(format!(
                "{} finished trials in the journal don't count: other builds of the plugins made them, and \
                 only those go on with them",
                grouped(self.of_other_builds as u64)
            ));
        }
        notes
    }
}

impl Request<'_> {
    /// Finds everything that the run needs. Nothing is written but what cargo builds.
    ///
    /// # Errors
    /// Where the input is bad, or the folder belongs to another run.
    pub fn prepare(&self, roots: &Roots) -> Result<Prepared> {
        let all = hypothesis::all(roots)?;
        let chosen = hypothesis::select(&all, self.hypotheses)?;
        let organism = organism::find(self.organism, roots)?;
        crate::log::level()?;
        Rule::of_user()?;
        runtime::start(None);
        let (device, devices) = match self.place {
            Place::Here => devices(self.devices, self.workers)?,
            Place::Nodes { .. } => (Device::Cpu, vec!["cpu".into(); self.workers.unwrap_or(1)]),
        };
        let path = match &self.out {
            Some(path) => path.clone(),
            None => default_folder(&organism.name, &chosen, &all),
        };
        let obstacle = match obstacle(&path, self.fresh) {
            Some(problem) if !self.dry_run => return Err(problem),
            obstacle => obstacle,
        };
        let task = organism.open_task()?;
        check_ready(&organism, &*task)?;
        let size = Size::of(&organism, &*task)?;
        let complete = Capabilities::of(&*task).are_complete(&organism);
        let (gpus, memory) = match self.place {
            Place::Here if device == Device::Cpu => (0, None),
            Place::Here => (devices.len() as u32, memory(device)),
            Place::Nodes { gpus, memory } => (gpus, memory),
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
            if self.place != Place::Here {
                // The nodes' own, which they compare themselves.
                manifest.environment = Manifest::read(&path)?.environment;
            }
            adopt(&path, &mut manifest, &chosen, &all)?;
            check_width(&path, self, manifest.geometry)?;
        }
        let needed = needed_arms(&chosen, &all)?;
        let call = Call {
            needed: &needed,
            chosen: &chosen,
            all: &all,
            before: &manifest.hypotheses,
            joins: self.shard.is_some(),
        };
        let Enlisted {
            hypotheses,
            plugins,
        } = call.enlist(roots, self.build)?;
        // What has been left out before is left out again: that depends on organism and plugins alone.
        let settled = hypotheses == manifest.hypotheses;
        manifest.hypotheses = hypotheses;
        let mut rehearsal = None;
        if !(complete || settled) {
            let known = rehearsal.insert(Rehearsal::of(&manifest, &plugins)?);
            known.leave_out(&mut manifest.hypotheses);
        }
        check_trials(&manifest, self.dry_run)?;
        Ok(Prepared {
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
    let (name, lines) = (&manifest.organism.name, left_out(manifest).join("; "));
    Err(Error::Usage(format!("{name}: no arm can be run: {lines}")))
}

impl Prepared {
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

    /// Checks that shards on nodes with GPUs, or without, can go on with a run that has begun.
    ///
    /// # Errors
    /// Where it began on another kind of device, or with another plugin: which, and what to do.
    pub fn goes_on(&self) -> Result<()> {
        if !self.path.join("manifest.json").exists() {
            return Ok(());
        }
        let theirs = Manifest::read(&self.path)?;
        let device = &theirs.environment.device;
        if device.starts_with("cpu ") == self.cuda {
            let advice = match self.cuda {
                true => "give --gres ''",
                false => "give --gres gpu:1, or as it is called here",
            };
            return Err(Error::file(
                &self.path,
                format!("began on {device}; {advice}"),
            ));
        }
        let mut pairs = self.manifest.hypotheses.iter().zip(&theirs.hypotheses);
        let other = pairs.find(|(mine, theirs)| mine != theirs);
        other.map_or(Ok(()), |(mine, _)| {
            let problem = match &mine.refused {
                Some(reason) => return Err(Error::Usage(reason.clone())),
                None => format!(
                    "began with another plugin {} than there is now; undo that, or choose another folder with --out",
                    mine.name
                ),
            };
            Err(Error::file(&self.path, problem))
        })
    }

    /// Plans what the journal lacks, or a shard's part of that. With `fresh` that is everything; with
    /// `retry_failed` failed trials are lacking.
    ///
    /// # Errors
    /// Where the journal can't be read.
    pub fn plan(&self, request: &Request) -> Result<Planned> {
        let Request {
            shard,
            fresh,
            retry_failed,
            ..
        } = *request;
        let journal = self.path.join("journal");
        let finished = match fresh || !journal.exists() {
            true => HashSet::new(),
            false => finished(&journal, retry_failed)?,
        };
        let mut plan = Plan::new(&self.manifest, &finished);
        let own = plan.done + self.manifest.count_refused(&finished);
        let of_other_builds = finished.len().saturating_sub(own);
        if let Some(shard) = shard {
            plan = shard.share(plan, &self.manifest);
        }
        let mut planned = Planned {
            plan,
            costs: Costs::default(),
            copies: LockCopies::default(),
            guessed: Vec::new(),
            of_other_builds,
            unused: self.unused.clone(),
            short_of_memory: None,
        };
        if planned.plan.cohorts() == 0 {
            return Ok(planned);
        }
        let rehearsal = match &self.rehearsal {
            Some(known) => known.clone(),
            None => Rehearsal::of(&self.manifest, &self.plugins)?,
        };
        planned.guessed = rehearsal.guessed;
        planned.copies = lock_copies(&rehearsal.work);
        let basis = Basis {
            manifest: &self.manifest,
            rehearsed: &rehearsal.work,
            copies: &planned.copies,
            size: self.size,
            cache: &Cache::of_user()?,
            cuda: self.cuda,
            workers: self.devices.len(),
        };
        planned.costs = basis.costs(&planned.plan);
        if !self.cuda && request.place == Place::Here {
            let workers = planned.plan.workers(self.devices.len());
            planned.short_of_memory = short_of_memory(planned.costs.memory, workers);
        }
        Ok(planned)
    }
}

/// What is said where so many workers, of so many bytes each, take more than the host has.
fn short_of_memory(each: f64, workers: usize) -> Option<String> {
    let (all, there) = (each * workers as f64, host_memory() as f64);
    (all > there).then(|| {
        let [all, there] = [all, there].map(|bytes| bytes / 1e9);
        format!(
            "its workers take about {all:.1} GB, and this machine has {there:.1}: with fewer --workers, or a smaller \
             --width in a new folder, it takes less"
        )
    })
}

/// The trials that the journal holds in segments that are whole, `but_failed` ones.
fn finished(journal: &Path, but_failed: bool) -> Result<HashSet<Key>> {
    let mut finished = HashSet::new();
    for path in journal::segments(journal)? {
        if let Ok(segment) = journal::read::<GradedTrial>(&path)? {
            let trials = segment.trials.into_iter();
            let counts =
                |trial: &Trial<GradedTrial>| !but_failed || trial.record.outcome == Outcome::Done;
            finished.extend(trials.filter(counts).map(|trial| trial.id));
        }
    }
    Ok(finished)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_take_more_than_the_host_has_are_told() {
        let host = host_memory() as f64;
        assert_eq!(short_of_memory(host / 4.0, 2), None);
        let told = short_of_memory(host, 2).unwrap();
        let all = format!(
            "about {:.1} GB, and this machine has {:.1}",
            host / 5e8,
            host / 1e9
        );
        assert!(told.contains(&all), "{told}");
    }
}
