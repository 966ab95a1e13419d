//! Asking plugins which arms they declare, and what those will ask of the lab, in a process of its
//! own: none of their code runs in the supervisor's.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use picklock_files::Key;
use picklock_lab::ArmNeeds;
use picklock_message::{Error, Result};
use picklock_record::Organism;
use picklock_sdk::Arm;
use rustix::process::Signal;

use crate::process::{Heard, send, start};
use crate::protocol::{FromWorker, ToWorker, VERSION};

/// How often plugins are asked when somebody kills the process that asks them.
const TRIES: usize = 3;

/// The error in that case.
const KILLED: &str = "the process that loads plugins was killed; give the same command again";

/// How long plugins may take to load and to say which arms they have.
const LOADING: Duration = Duration::from_mins(1);

/// Asks these plugin files, which must have these hashes, for their arms: each one's arms, or why it
/// can't be used.
///
/// # Errors
/// Where no process can be started.
pub fn describe(plugins: &[(PathBuf, Key)]) -> Result<Vec<Result<Vec<Arm>>>> {
    if plugins.is_empty() {
        return Ok(Vec::new());
    }
    let paths = joined(plugins.iter().map(|(path, _)| path));
    let message = ToWorker::Describe {
        version: VERSION,
        plugins: plugins.to_vec(),
    };
    match ask(&message, &paths, LOADING)? {
        Ok(FromWorker::Arms(arms)) => Ok(arms
            .into_iter()
            .map(|arms| arms.map_err(Error::Usage))
            .collect()),
        Ok(_) => Err(Error::Worker("no arms".into())),
        Err(problem) if plugins.len() == 1 => Ok(vec![Err(problem)]),
        // One of them took the others down with it: each is asked apart.
        Err(_) => {
            let apart = plugins
                .iter()
                .map(|plugin| describe(std::slice::from_ref(plugin)))
                .collect::<Result<Vec<_>>>()?;
            Ok(apart.into_iter().flatten().collect())
        }
    }
}

/// Asks these plugin files what these arms of theirs will ask of the lab: each one's arms, or why
/// that isn't known.
///
/// # Errors
/// Where no process can be started, or it ends, or isn't done within `limit` or a minute.
pub fn rehearse(
    organism: &Organism,
    plugins: Vec<(PathBuf, Key, Vec<Arm>)>,
    limit: Duration,
) -> Result<Vec<std::result::Result<Vec<ArmNeeds>, String>>> {
    let paths = joined(plugins.iter().map(|(path, ..)| path));
    let message = ToWorker::Rehearse {
        version: VERSION,
        organism: Box::new(organism.clone()),
        plugins,
    };
    match ask(&message, &paths, limit.min(LOADING))?? {
        FromWorker::Rehearsed(asked) => Ok(asked),
        _ => Err(Error::Worker("no rehearsal".into())),
    }
}

fn joined<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> String {
    let paths: Vec<String> = paths.map(|path| path.display().to_string()).collect();
    paths.join(", ")
}

/// A process' only answer, or how it ends instead. One that is killed, which need not be a plugin's
/// fault, is asked again.
fn ask(message: &ToWorker, paths: &str, limit: Duration) -> Result<Result<FromWorker>> {
    for _ in 1..TRIES {
        if let Some(answer) = ask_once(message, paths, limit)? {
            return Ok(answer);
        }
    }
    let killed = || Err(Error::Worker(KILLED.into()));
    Ok(ask_once(message, paths, limit)?.unwrap_or_else(killed))
}

/// None where somebody killed the process.
fn ask_once(
    message: &ToWorker,
    paths: &str,
    limit: Duration,
) -> Result<Option<Result<FromWorker>>> {
    let (sender, heard) = channel();
    let (mut child, mut stdin) = start(Stdio::null(), |heard| heard, &sender)?;
    drop(sender);
    send(&mut stdin, message);
    let answer = heard.recv_timeout(limit);
    drop(stdin);
    // It has answered, died, or hangs.
    let _ = child.kill();
    let status = child
        .wait()
        .map_err(|error| Error::Worker(error.to_string()))?;
    if matches!(answer, Ok(Heard::Gone)) && status.signal() == Some(Signal::KILL.as_raw()) {
        return Ok(None);
    }
    Ok(Some(match answer {
        Ok(Heard::Message(FromWorker::Broken { reason, .. })) => Err(Error::Usage(reason)),
        Ok(Heard::Message(answer)) => Ok(answer),
        Err(RecvTimeoutError::Timeout) => Err(Error::Usage(format!(
            "{paths}: loading did not end within {} s",
            limit.as_secs()
        ))),
        _ => Err(Error::Usage(format!(
            "{paths}: ends the process that loads it: {status}; rebuild it"
        ))),
    }))
}
