//! The trials of a run in a worker: its plugins loaded once, cohorts run, their records written.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use picklock_lab::{Bench, Cache, Cohort, CohortError, DecodingRoom, Maker};
use picklock_lm::runtime;
use picklock_message::{Error, Result};
use picklock_record::{
    Manifest, Member, Outcome, Segment, Streams, Trial, TrialRecord, journal, unchanged,
};
use picklock_sdk::Arm;
use picklock_sdk::abi::HypothesisBox;

use crate::out::Out;
use crate::plugin;
use crate::protocol::{FromWorker, Start, ToWorker};

/// How often progress is sent at most.
const PROGRESS: Duration = Duration::from_millis(100);

/// Runs the cohorts that it is given, until there are no more messages.
///
/// # Errors
/// Where the run can't go on.
pub fn work(messages: &Receiver<Result<ToWorker>>, out: &Out, start: Start) -> Result<()> {
    let (run, device) = (start.run, start.device);
    let manifest = Manifest::read(&run)?;
    runtime::start(Some(manifest.environment.threads as usize));
    let host = picklock_record::host();
    tracing::info!(host, device, run = %run.display(), pid = std::process::id(), "worker starts");
    let device = runtime::parse_device(&device)?;
    let cache = Cache::of_user()?;
    let plugins = start
        .plugins
        .iter()
        .map(|(name, path)| Plugin::load(&manifest, name, path, &cache))
        .collect::<Result<_>>()?;
    let environment = manifest.environment.numeric();
    let sent = Cell::new(Instant::now());
    let notify = |what: &str, step: usize, steps: usize| {
        if sent.get().elapsed() >= PROGRESS {
            sent.set(Instant::now());
            // A supervisor that is gone is noticed on stdin.
            let _ = out.send(&FromWorker::Progress {
                what: what.to_string(),
                step,
                steps,
            });
        }
        ControlFlow::Continue(())
    };
    let warn = |text: &str| {
        tracing::warn!("{text}");
        let _ = out.send(&FromWorker::Note(text.to_string()));
    };
    let task = manifest.organism.open_task()?;
    let maker = Maker {
        organism: &manifest.organism,
        task: &*task,
        streams: Streams {
            root: manifest.root_seed,
        },
        device,
        room: DecodingRoom::new(device, manifest.environment.memory_bytes()),
        environment: &environment,
        cache: &cache,
        width: manifest.geometry.seeds_per_block as usize,
        copies: &start.copies,
        notify: &notify,
        warn: &warn,
    };
    let mut bench = Bench::new(maker, manifest.geometry.width as usize);
    out.send(&FromWorker::Ready)?;
    let worker = Worker {
        run,
        manifest: &manifest,
        plugins,
    };
    while let Ok(message) = messages.recv() {
        match message? {
            ToWorker::Cohort {
                hypothesis,
                arm,
                members,
            } => match worker.cohort(&mut bench, &hypothesis, &arm, &members)? {
                Ok(finished) => out.send(&finished)?,
                Err(hung) => {
                    tracing::error!(hypothesis, arm, "{hung}");
                    return out.send(&FromWorker::Hung {
                        reason: hung.to_string(),
                    });
                }
            },
            ToWorker::EndBlock => {
                bench.clear();
                if let Some(memory) = runtime::memory(device)? {
                    let (allocated, reserved) = (memory.allocated, memory.reserved);
                    tracing::info!(allocated, reserved, "block ends");
                }
            }
            _ => return Err(Error::Worker("started twice".into())),
        }
    }
    Ok(())
}

/// A hypothesis' plugin as this worker has it.
struct Plugin {
    name: String,
    /// What was loaded, or why it could not be.
    loaded: std::result::Result<Arc<HypothesisBox>, String>,
    time_limit: Duration,
}

impl Plugin {
    /// Loads a plugin by its hash in the manifest. One that has changed or gone since costs its own
    /// trials.
    fn load(manifest: &Manifest, name: &str, path: &Path, cache: &Cache) -> Result<Self> {
        let run = manifest
            .hypothesis(name)
            .ok_or_else(|| Error::Worker(format!("no {name} in the manifest")))?;
        let loaded = match &run.plugin {
            Some(plugin) => unchanged(path, &plugin.file)
                .and_then(|file| plugin::load(&file, cache))
                .map_err(|error| error.to_string()),
            None => Err(format!("plugin {name}: never described")),
        };
        Ok(Self {
            name: name.to_string(),
            loaded: loaded.map(Arc::new),
            time_limit: Duration::from_secs(run.time_limit_s),
        })
    }
}

struct Worker<'a> {
    run: PathBuf,
    manifest: &'a Manifest,
    plugins: Vec<Plugin>,
}

impl Worker<'_> {
    /// Runs a cohort and writes its segment, unless one of its trials hangs.
    fn cohort(
        &self,
        bench: &mut Bench,
        hypothesis: &str,
        arm: &str,
        members: &[Member],
    ) -> Result<std::result::Result<FromWorker, CohortError>> {
        let started = Instant::now();
        let lab_before = bench.busy.as_secs_f64();
        let missing = || Error::Worker(format!("no {hypothesis}/{arm} in the manifest"));
        let run = self.manifest.hypothesis(hypothesis).ok_or_else(missing)?;
        let mut arms = run.arms.iter();
        let arm = arms.find(|known| known.name() == arm).ok_or_else(missing)?;
        let mut plugins = self.plugins.iter();
        let plugin = plugins.find(|known| known.name == hypothesis);
        let plugin = plugin.ok_or_else(missing)?;
        let trials = members.len();
        tracing::info!(hypothesis, arm = arm.name(), trials, "cohort begins");
        let records = match &plugin.loaded {
            Ok(loaded) => {
                let cohort = Cohort {
                    hypothesis: loaded,
                    name: hypothesis,
                    arm,
                    members,
                    time_limit: plugin.time_limit,
                };
                match cohort.run(bench) {
                    Ok(records) => records,
                    Err(hung) => return Ok(Err(hung)),
                }
            }
            Err(reason) => members
                .iter()
                .map(|member| failed(*member, reason))
                .collect(),
        };
        let failed = records.iter().filter(|record| log_failure(record)).count();
        write_records(&self.run, self.manifest, run, arm, records, bench.notes())?;
        let seconds = started.elapsed().as_secs_f64();
        let lab_seconds = bench.busy.as_secs_f64() - lab_before;
        tracing::info!(
            hypothesis,
            arm = arm.name(),
            seconds,
            lab_seconds,
            failed,
            "cohort ends"
        );
        Ok(Ok(FromWorker::Finished {
            failed,
            seconds,
            lab_seconds,
        }))
    }
}

/// Logs a trial that failed; `false` for others.
fn log_failure(record: &TrialRecord) -> bool {
    let Member { seed, draw } = record.member;
    match &record.outcome {
        Outcome::Done => false,
        Outcome::Failed { reason } => {
            tracing::warn!(seed, draw, reason, "trial failed");
            true
        }
    }
}

/// The record of a trial that could not be run, and why.
pub fn failed(member: Member, reason: &str) -> TrialRecord {
    let reason = reason.to_string();
    TrialRecord::new(member, Outcome::Failed { reason })
}

/// Writes trials into the journal, with what is to be said of them.
///
/// # Errors
/// Where the journal can't be written.
pub fn write_records(
    run: &Path,
    manifest: &Manifest,
    hypothesis: &journal::RunHypothesis,
    arm: &Arm,
    records: Vec<TrialRecord>,
    notes: Vec<String>,
) -> Result<()> {
    let trial = |record: TrialRecord| Trial {
        id: manifest.trial_id(hypothesis, arm, record.member),
        record,
    };
    let trials = records.into_iter().map(trial).collect();
    let segment = Segment::new(&hypothesis.name, arm.name(), trials);
    journal::write(&run.join("journal"), &segment.with_notes(notes))
}
