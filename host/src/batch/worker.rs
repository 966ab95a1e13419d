//! A worker: a process that owns one device, loads the plugins, and runs cohorts.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use picklock_lm::runtime;
use picklock_sdk::abi::HypothesisBox;
use picklock_sdk::{Arm, LabError};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use super::protocol::{FromWorker, ToWorker, VERSION};
use crate::error::{Error, Result};
use crate::journal::{self, Manifest, Segment, Trial};
use crate::lab::{self, Bench, Cohort, CohortError, Member, Outcome, TrialRecord, Work};
use crate::organism::{Cache, Key, Maker, Organism, Streams};
use crate::plugins::{self, PluginFile};

/// How often progress is told at most.
const PROGRESS: Duration = Duration::from_millis(100);

/// Runs a worker: messages on stdin, answers on stdout. Ends when stdin ends, at any moment: what
/// it was at is then not in the journal.
///
/// # Errors
/// Where stdout can't be written. Everything else is told to the supervisor.
pub fn main() -> Result<bool> {
    let out = Out::take()?;
    let messages = listen();
    raise_limit();
    match super::log::start().and_then(|()| serve(&messages, &out)) {
        Ok(()) => Ok(false),
        Err(error) => {
            tracing::error!("{error}");
            let exit_code = error.exit_code();
            out.say(&FromWorker::Broken {
                reason: error.to_string(),
                exit_code,
            })?;
            Ok(true)
        }
    }
}

/// A model in use is an open file: as many as the system allows.
fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    // The lower limit does for smaller runs.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    );
}

/// The original stdout. Whatever a plugin prints goes to stderr instead.
struct Out {
    file: File,
}

impl Out {
    fn take() -> Result<Self> {
        let failed = |error: rustix::io::Errno| Error::Worker(format!("stdout: {error}"));
        let file = rustix::io::dup(rustix::stdio::stdout()).map_err(failed)?;
        rustix::stdio::dup2_stdout(rustix::stdio::stderr()).map_err(failed)?;
        Ok(Self {
            file: File::from(file),
        })
    }

    fn say(&self, message: &FromWorker) -> Result<()> {
        let failed = |error: std::io::Error| Error::Worker(format!("stdout: {error}"));
        let json = serde_json::to_string(message).map_err(|error| failed(error.into()))?;
        (&self.file)
            .write_all((json + "\n").as_bytes())
            .map_err(failed)
    }
}

/// Reads messages on a thread of its own, so that the end of stdin is noticed at once: the
/// supervisor is gone, and nobody waits for the cohort in flight.
fn listen() -> Receiver<Result<ToWorker>> {
    let (sender, messages) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin()
            .lock()
            .lines()
            .map_while(std::result::Result::ok)
        {
            let message = serde_json::from_str(&line)
                .map_err(|error| Error::Worker(format!("bad message: {error}")));
            if sender.send(message).is_err() {
                return;
            }
        }
        // At once, and without destructors: libtorch's would run beside the thread that uses it.
        let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
    });
    messages
}

fn serve(messages: &Receiver<Result<ToWorker>>, out: &Out) -> Result<()> {
    let Ok(first) = messages.recv() else {
        return Ok(());
    };
    match first? {
        ToWorker::Describe { version, plugins } => {
            check_version(version)?;
            describe(&plugins, out)
        }
        ToWorker::Rehearse {
            version,
            organism,
            plugins,
        } => {
            check_version(version)?;
            rehearse(&organism, &plugins, out)
        }
        ToWorker::Start {
            version,
            run,
            device,
            plugins,
        } => {
            check_version(version)?;
            work(messages, out, run, &device, &plugins)
        }
        _ => Err(Error::Worker("expected a start message".into())),
    }
}

fn check_version(version: u32) -> Result<()> {
    match version == VERSION {
        true => Ok(()),
        false => Err(Error::Worker(format!(
            "protocol {version}, this worker speaks {VERSION}"
        ))),
    }
}

fn describe(plugins: &[(PathBuf, Key)], out: &Out) -> Result<()> {
    let cache = Cache::of_user()?;
    let arms = |(path, hash): &(PathBuf, Key)| {
        let file = unchanged(path, hash)?;
        let arms = plugins::load(&file, &cache)?.arms().into_result();
        let fail = |error: LabError| Error::Plugin {
            name: file.name.clone(),
            problem: format!("arms(): {error}"),
        };
        Ok(arms.map_err(fail)?.into_vec())
    };
    let arms = plugins
        .iter()
        .map(|plugin| arms(plugin).map_err(|error: Error| error.to_string()));
    out.say(&FromWorker::Arms(arms.collect()))
}

fn rehearse(organism: &Organism, plugins: &[(PathBuf, Key, Vec<Arm>)], out: &Out) -> Result<()> {
    let cache = Cache::of_user()?;
    let work = |(path, hash, arms): &(PathBuf, Key, Vec<Arm>)| {
        let hypothesis = plugins::load(&unchanged(path, hash)?, &cache)?;
        let work = arms
            .iter()
            .map(|arm| Ok(lab::rehearse(&hypothesis, arm, organism)?));
        work.collect::<Result<Vec<Vec<Work>>>>()
    };
    let work = plugins
        .iter()
        .map(|plugin| work(plugin).map_err(|error| error.to_string()));
    out.say(&FromWorker::Rehearsed(work.collect()))
}

/// Reads a plugin file that must have this hash.
fn unchanged(path: &Path, hash: &Key) -> Result<PluginFile> {
    let file = PluginFile::read(path)?;
    if file.hash == *hash {
        return Ok(file);
    }
    let problem = format!("{} has changed since the run began", path.display());
    Err(Error::Plugin {
        name: file.name,
        problem,
    })
}

fn work(
    messages: &Receiver<Result<ToWorker>>,
    out: &Out,
    run: PathBuf,
    device: &str,
    plugins: &[(String, PathBuf)],
) -> Result<()> {
    let manifest = Manifest::read(&run)?;
    runtime::start(Some(manifest.environment.threads as usize));
    let host = super::claim::host();
    tracing::info!(host, device, run = %run.display(), pid = std::process::id(), "worker starts");
    let device = runtime::parse_device(device)?;
    let cache = Cache::of_user()?;
    let plugins = plugins
        .iter()
        .map(|(name, path)| Plugin::load(&manifest, name, path, &cache))
        .collect::<Result<_>>()?;
    let environment = manifest.environment.numeric();
    let told = Cell::new(Instant::now());
    let notify = |what: &str, step: usize, steps: usize| {
        if told.get().elapsed() >= PROGRESS {
            told.set(Instant::now());
            // A supervisor that is gone is noticed on stdin.
            let _ = out.say(&FromWorker::Progress {
                what: what.to_string(),
                step,
                steps,
            });
        }
    };
    let warn = |text: &str| {
        tracing::warn!("{text}");
        let _ = out.say(&FromWorker::Note(text.to_string()));
    };
    let maker = Maker {
        organism: &manifest.organism,
        streams: Streams {
            root: manifest.root_seed,
        },
        device,
        environment: &environment,
        cache: &cache,
        width: manifest.geometry.seeds_per_block as usize,
        notify: &notify,
        warn: &warn,
    };
    let mut bench = Bench::new(maker, manifest.geometry.width as usize);
    out.say(&FromWorker::Ready)?;
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
                Ok(finished) => out.say(&finished)?,
                Err(hung) => {
                    tracing::error!(hypothesis, arm, "{hung}");
                    return out.say(&FromWorker::Hung {
                        reason: hung.to_string(),
                    });
                }
            },
            ToWorker::EndBlock => bench.clear(),
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
                .and_then(|file| plugins::load(&file, cache))
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
        let arm = run
            .arms
            .iter()
            .find(|known| known.name() == arm)
            .ok_or_else(missing)?;
        let plugin = self.plugins.iter().find(|plugin| plugin.name == hypothesis);
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
