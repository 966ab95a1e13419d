//! A worker: a process that owns one device, answers its supervisor, and leaves trials to `trials`.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use picklock_files::Key;
use picklock_lab::{ArmNeeds, Cache};
use picklock_message::{Error, Exit, Result};
use picklock_record::{Organism, unchanged};
use picklock_sdk::{Arm, LabError};
use rustix::process::{Resource, Signal, getrlimit, setrlimit};

use crate::out::Out;
use crate::plugin;
use crate::protocol::{FromWorker, ToWorker, VERSION};
use crate::trials::work;

/// Runs a worker: messages on stdin, answers on stdout. It is killed when stdin ends: the cohort that
/// it runs is then not in the journal.
///
/// # Errors
/// Where stdout can't be written. Every other error is sent to the supervisor.
pub fn main() -> Result<Exit> {
    let out = Out::take()?;
    // A scheduler signals all processes of a job; the supervisor decides when a worker ends. A second
    // handler can't be set, and there is none yet.
    let _ = ctrlc::set_handler(|| {});
    let messages = listen();
    raise_limit();
    match crate::log::start().and_then(|()| serve(&messages, &out)) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            tracing::error!("{error}");
            let exit_code = error.exit_code();
            out.send(&FromWorker::Broken {
                reason: error.to_string(),
                exit_code,
            })?;
            Ok(Exit::SomeFailed)
        }
    }
}

/// A model in use is an open file: as many as the system allows.
fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // The lower limit does for smaller runs.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Reads messages on a thread of its own, so that the end of stdin is noticed at once: the
/// supervisor is gone, and nobody waits for the cohort in flight.
fn listen() -> Receiver<Result<ToWorker>> {
    let (sender, messages) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(std::result::Result::ok) {
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
        ToWorker::Start(start) => {
            check_version(start.version)?;
            work(messages, out, start)
        }
        _ => Err(Error::Worker("expected a start message".into())),
    }
}

fn check_version(version: u32) -> Result<()> {
    if version == VERSION {
        return Ok(());
    }
    let problem = format!("protocol {version}, this worker speaks {VERSION}");
    Err(Error::Worker(problem))
}

fn describe(plugins: &[(PathBuf, Key)], out: &Out) -> Result<()> {
    let cache = Cache::of_user()?;
    let arms = |(path, hash): &(PathBuf, Key)| {
        let file = unchanged(path, hash)?;
        let arms = plugin::load(&file, &cache)?.arms().into_result();
        let fail = |error: LabError| Error::Plugin {
            name: file.name.clone(),
            problem: format!("arms(): {error}"),
        };
        Ok(arms.map_err(fail)?.into_vec())
    };
    let arms = plugins
        .iter()
        .map(|plugin| arms(plugin).map_err(|error: Error| error.to_string()));
    out.send(&FromWorker::Arms(arms.collect()))
}

fn rehearse(organism: &Organism, plugins: &[(PathBuf, Key, Vec<Arm>)], out: &Out) -> Result<()> {
    let cache = Cache::of_user()?;
    let task = organism.open_task()?;
    let rehearse_arms = |(path, hash, arms): &(PathBuf, Key, Vec<Arm>)| {
        let hypothesis = plugin::load(&unchanged(path, hash)?, &cache)?;
        arms.iter()
            .map(|arm| Ok(picklock_lab::rehearse(&hypothesis, arm, organism, &*task)?))
            .collect::<Result<Vec<ArmNeeds>>>()
    };
    let rehearsed = plugins
        .iter()
        .map(|plugin| rehearse_arms(plugin).map_err(|error| error.to_string()));
    out.send(&FromWorker::Rehearsed(rehearsed.collect()))
}
