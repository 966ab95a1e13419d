//! Asking plugins which arms they declare, in a process of its own: none of their code runs in the
//! supervisor's.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use picklock_sdk::Arm;
use rustix::process::Signal;

use super::process::{Heard, send, start};
use super::protocol::{FromWorker, ToWorker, VERSION};
use crate::error::{Error, Result};
use crate::organism::Key;

/// How often plugins are asked when somebody kills the process that asks them.
const TRIES: usize = 3;

/// What is said then.
const KILLED: &str = "the process that loads plugins was killed; give the same command again";

/// How long plugins may take to load and to say which arms they have.
const LOADING: Duration = Duration::from_mins(1);

/// Asks these plugin files, which must have these hashes, for their arms: each one's, or why it
/// can't be used.
///
/// # Errors
/// Where no process can be started.
pub fn describe(plugins: &[(PathBuf, Key)]) -> Result<Vec<Result<Vec<Arm>>>> {
    if plugins.is_empty() {
        return Ok(Vec::new());
    }
    match ask(plugins)? {
        Ok(arms) => Ok(arms
            .into_iter()
            .map(|arms| arms.map_err(Error::Usage))
            .collect()),
        Err(problem) if plugins.len() == 1 => Ok(vec![Err(problem)]),
        // One of them took the others down with it: each is asked apart.
        Err(_) => {
            let apart = plugins
                .iter()
                .map(|plugin| describe(std::slice::from_ref(plugin)));
            Ok(apart
                .collect::<Result<Vec<_>>>()?
                .into_iter()
                .flatten()
                .collect())
        }
    }
}

/// What a process that loads plugins says of each, or how it ends instead.
type Answer = std::result::Result<Vec<std::result::Result<Vec<Arm>, String>>, Error>;

fn ask(plugins: &[(PathBuf, Key)]) -> Result<Answer> {
    for _ in 1..TRIES {
        if let Some(answer) = ask_once(plugins)? {
            return Ok(answer);
        }
    }
    let killed = || Err(Error::Worker(KILLED.into()));
    Ok(ask_once(plugins)?.unwrap_or_else(killed))
}

/// None where somebody killed the process, which need not be a plugin's fault.
fn ask_once(plugins: &[(PathBuf, Key)]) -> Result<Option<Answer>> {
    let (sender, heard) = channel();
    let (mut child, mut stdin) = start(Stdio::null(), |heard| heard, &sender)?;
    drop(sender);
    send(
        &mut stdin,
        &ToWorker::Describe {
            version: VERSION,
            plugins: plugins.to_vec(),
        },
    );
    let answer = heard.recv_timeout(LOADING);
    drop(stdin);
    // It has answered, died, or hangs.
    let _ = child.kill();
    let status = child
        .wait()
        .map_err(|error| Error::Worker(error.to_string()))?;
    let paths = plugins.iter().map(|(path, _)| path.display().to_string());
    let paths = paths.collect::<Vec<_>>().join(", ");
    if matches!(answer, Ok(Heard::Gone)) && status.signal() == Some(Signal::KILL.as_raw()) {
        return Ok(None);
    }
    Ok(Some(match answer {
        Ok(Heard::Message(FromWorker::Arms(arms))) => Ok(arms),
        Ok(Heard::Message(FromWorker::Broken { reason, .. })) => Err(Error::Usage(reason)),
        Err(RecvTimeoutError::Timeout) => Err(Error::Usage(format!(
            "{paths}: loading did not end within {} s",
            LOADING.as_secs()
        ))),
        _ => Err(Error::Usage(format!(
            "{paths}: ends the process that loads it: {status}; rebuild it"
        ))),
    }))
}
