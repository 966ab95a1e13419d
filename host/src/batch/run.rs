//! One run, or a shard of one, from a request to a report.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use picklock_lm::{Device, runtime};

use super::adopt::adopt;
use super::enlist::{Call, Enlisted};
use super::estimate::Costs;
use super::event::{End, Event};
use super::folder::RunFolder;
use super::plan::{Plan, needed_arms};
use super::progress::{Progress, readable};
use super::retry::set_failed_aside;
use super::settle::settle;
use super::shard::Shard;
use super::supervisor::{STOP, Supervisor};
use super::surroundings::{devices, environment, git_state};
use super::tally::Tallies;
use super::width::{check_width, cut};
use crate::error::Result;
use crate::hypothesis::{self, Registration};
use crate::journal::{self, Manifest};
use crate::organism::{self, Cache, Key, Rule};
use crate::plugins::Roots;

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
    super::log::level()?;
    Rule::of_user()?;
    runtime::start(None);
    let (device, devices) = devices(request.devices, request.workers)?;
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
        geometry: cut(request, cuda),
        environment: environment(device),
        hypotheses: Vec::new(),
    };
    if !request.fresh && path.join("manifest.json").exists() {
        adopt(&path, &mut manifest, &chosen, &all)?;
        check_width(&path, request, manifest.geometry)?;
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
    let mut folder = RunFolder::claim(&path, request.fresh, request.shard)?;
    let manifest = settle(&folder, manifest, request.shard, &chosen, &all)?;
    folder.share()?;
    let batch = Batch {
        run: &folder.path,
        manifest: &manifest,
        plugins,
        devices,
        cuda,
        request,
    };
    let end = batch.run()?;
    match request.shard {
        Some(shard) => Ok(batch.end_shard(shard, &end)),
        None => batch.report(&end, roots),
    }
}

/// A run whose folder is claimed.
struct Batch<'a> {
    run: &'a Path,
    manifest: &'a Manifest,
    plugins: Vec<(String, PathBuf)>,
    devices: Vec<String>,
    cuda: bool,
    request: &'a Request<'a>,
}

impl Batch<'_> {
    /// Runs what is left of the plan.
    fn run(&self) -> Result<End> {
        let Self { run, manifest, .. } = *self;
        let journal = run.join("journal");
        if self.request.retry_failed {
            let count = set_failed_aside(&journal, manifest, self.request.shard)?;
            self.note(&format!("{count} failed trials are run again"));
        }
        let mut plan = Plan::new(manifest, &self.finished(&journal)?);
        if let Some(shard) = self.request.shard {
            plan = shard.share(plan, manifest);
        }
        let cache = Cache::of_user()?;
        let workers = self.devices.len();
        let costs = Costs::new(manifest, &plan, self.cuda, &cache, workers);
        self.announce(&plan, &costs);
        if plan.done == plan.trials {
            return Ok(End::default());
        }
        // A second handler can't be set; the first does the same.
        let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed));
        let supervisor = Supervisor {
            run,
            manifest,
            shard: self.request.shard,
            plugins: self.plugins.clone(),
            devices: self.devices.clone(),
        };
        let mut progress = Progress::new(Tallies::new(&plan, costs, workers), self.request.json);
        let result = supervisor.run(&plan, &mut progress);
        let end = progress.end();
        result?;
        if !self.request.json {
            eprintln!("{} trials in {}", end.trials, readable(end.seconds));
        }
        Ok(end)
    }

    /// The trials that the journal holds. A damaged segment is set aside, and its trials run again.
    fn finished(&self, journal: &Path) -> Result<HashSet<Key>> {
        let mut finished = HashSet::new();
        for path in journal::segments(journal)? {
            match journal::read::<serde::de::IgnoredAny>(&path)? {
                Ok(segment) => finished.extend(segment.trials.into_iter().map(|trial| trial.id)),
                Err(damaged) => {
                    let aside = journal::set_aside(&damaged.path, "damaged")?;
                    let aside = aside.file_name().unwrap_or_default().display();
                    self.note(&format!(
                        "{damaged}; set aside as {aside}, its trials are run again"
                    ));
                }
            }
        }
        Ok(finished)
    }

    /// Says what will be done and about how long it takes.
    fn announce(&self, plan: &Plan, costs: &Costs) {
        let Self { run, manifest, .. } = *self;
        let shard = self.request.shard;
        if self.request.json {
            return Event::Plan {
                run,
                shard: shard.map(|shard| shard.to_string()),
                trials: plan.trials,
                done: plan.done,
                cohorts: plan.cohorts(),
                devices: &self.devices,
                expected_seconds: costs.total(),
            }
            .print();
        }
        let hypotheses = &manifest.hypotheses;
        let arms: usize = hypotheses
            .iter()
            .map(|hypothesis| hypothesis.arms.len())
            .sum();
        let names: Vec<&str> = hypotheses.iter().map(|h| h.name.as_str()).collect();
        let part = match shard {
            None => format!("{} trials", plan.trials),
            Some(shard) => format!("trials, of which shard {shard} has {}", plan.trials),
        };
        eprintln!(
            "{}: {} ({arms} arms) x {} seeds x {} draws = {part}, into {}",
            manifest.organism.name,
            names.join(" + "),
            manifest.seeds,
            manifest.draws,
            run.display()
        );
        match plan.trials - plan.done {
            0 if plan.trials == 0 => eprintln!(
                "nothing for this shard: the plan has {} blocks; with fewer shards, or a smaller --width \
                 in a new folder, there is more for each",
                manifest
                    .seeds
                    .div_ceil(manifest.geometry.seeds_per_block.max(1))
            ),
            0 => eprintln!("all of them are in the journal"),
            open => eprintln!(
                "{open} to run in {} cohorts on {} ({} worker processes), about {}",
                plan.cohorts(),
                self.request.devices.join(" and "),
                self.devices.len().clamp(1, plan.blocks.len()),
                readable(costs.total())
            ),
        }
    }

    /// Says how a shard ended, and what is next; `true` where some trial failed.
    fn end_shard(&self, shard: Shard, end: &End) -> bool {
        let next = format!(
            "when all shards are done, the same command without --shard reports; picklock status {}",
            self.run.display()
        );
        if self.request.json {
            let end = End {
                next,
                ..end.clone()
            };
            Event::End(&end).print();
        } else {
            let End { trials, failed, .. } = end;
            println!("shard {shard}: {trials} trials run, {failed} failed; {next}");
        }
        end.failed > 0
    }

    /// Derives the run's files, and says what failed; `true` where something did.
    fn report(&self, end: &End, roots: &Roots) -> Result<bool> {
        let Self { run, manifest, .. } = *self;
        let failed = crate::report::write(run, roots, self.request.json)?;
        let next = match failed.len() {
            0 => format!("written to {}", run.display()),
            count => format!(
                "{count} trials failed; trials.csv has every reason, --retry-failed runs them again"
            ),
        };
        let refused = manifest.hypotheses.iter();
        let refused: Vec<&String> = refused.filter_map(|h| h.refused.as_ref()).collect();
        let some_failed = !refused.is_empty() || !failed.is_empty();
        if self.request.json {
            let failed = failed.len();
            let end = End {
                failed,
                next,
                ..end.clone()
            };
            Event::End(&end).print();
            return Ok(some_failed);
        }
        println!("\nwritten to {}", run.display());
        for reason in failed.iter().take(5) {
            eprintln!("failed: {reason}");
        }
        if !failed.is_empty() {
            eprintln!("{next}");
        }
        for reason in refused {
            eprintln!("refused: {reason}");
        }
        Ok(some_failed)
    }

    /// Something that a reader should know.
    fn note(&self, text: &str) {
        match self.request.json {
            true => Event::Note { text }.print(),
            false => eprintln!("{text}"),
        }
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
