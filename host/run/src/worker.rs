//! A worker: a process that owns one device, answers its supervisor, and leaves trials to `trials`.

use std::fs::File;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use picklock_files::Key;
use picklock_lab::{ArmNeeds, Cache};
use picklock_message::{Error, Result};
use picklock_record::{Organism, unchanged};
use picklock_sdk::{Arm, LabError};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use crate::plugin;
use crate::protocol::{FromWorker, ToWorker, VERSION};
use crate::trials::work;

/// Runs a worker: messages on stdin, answers on stdout. Ends when stdin ends, at any moment: what
/// it was at is then not in the journal.
///
/// # Errors
/// Where stdout can't be written. Everything else is told to the supervisor.
pub fn main() -> Result<bool> {
    let out = Out::take()?;
    // A scheduler signals all processes of a job; the supervisor says what becomes of a worker. A
    // second handler can't be set, and there is none yet.
    let _ = ctrlc::set_handler(|| {});
    let messages = listen();
    raise_limit();
    match crate::log::start().and_then(|()| serve(&messages, &out)) {
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
pub struct Out {
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

    /// Sends a message to the supervisor.
    ///
    /// # Errors
    /// Where stdout can't be written.
    pub fn say(&self, message: &FromWorker) -> Result<()> {
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
        ToWorker::Start(start) => {
            check_version(start.version)?;
            work(messages, out, start)
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
    out.say(&FromWorker::Arms(arms.collect()))
}

fn rehearse(organism: &Organism, plugins: &[(PathBuf, Key, Vec<Arm>)], out: &Out) -> Result<()> {
    let cache = Cache::of_user()?;
    let task = organism.open_task()?;
    let asked = |(path, hash, arms): &(PathBuf, Key, Vec<Arm>)| {
        let hypothesis = plugin::load(&unchanged(path, hash)?, &cache)?;
        let asked = arms
            .iter()
            .map(|arm| Ok(picklock_lab::rehearse(&hypothesis, arm, organism, &*task)?));
        asked.collect::<Result<Vec<ArmNeeds>>>()
    };
    let asked = plugins
        .iter()
        .map(|plugin| asked(plugin).map_err(|error| error.to_string()));
    out.say(&FromWorker::Rehearsed(asked.collect()))
}
