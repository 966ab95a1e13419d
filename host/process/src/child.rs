//! A child process that runs to its end.

use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Why a child gave no output.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It could not be started.
    #[error("can't start: {0}")]
    Start(std::io::Error),
    /// It ended with an error.
    #[error("{status}: {stderr}")]
    Failed {
        /// How.
        status: ExitStatus,
        /// Its stderr; empty where [`output_with_stderr`] passed that on.
        stderr: String,
    },
    /// It did not end in time, and was killed.
    #[error("did not end within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// Runs a child with an empty stdin to its end, for at most `limit`; gives its stdout.
///
/// # Errors
/// Where it can't be started, ends with an error, or is killed for its time.
pub fn output(command: &mut Command, limit: Duration) -> Result<String, ChildError> {
    output_with_stderr(command, Stdio::piped(), limit)
}

/// The same, with its stderr going elsewhere.
///
/// # Errors
/// As [`output`].
pub fn output_with_stderr(
    command: &mut Command,
    stderr: Stdio,
    limit: Duration,
) -> Result<String, ChildError> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .map_err(ChildError::Start)?;
    let pid = Pid::from_child(&child);
    let (sender, ended) = channel();
    std::thread::spawn(move || {
        // Nobody waits any more for one that was killed.
        let _ = sender.send(child.wait_with_output());
    });
    let Ok(output) = ended.recv_timeout(limit) else {
        // It may have ended by itself just now.
        let _ = kill_process(pid, Signal::KILL);
        return Err(ChildError::TimedOut(limit));
    };
    let output = output.map_err(ChildError::Start)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(ChildError::Failed {
        status: output.status,
        stderr: text(&output.stderr),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<String, ChildError> {
        output(Command::new("sh").args(["-c", script]), limit)
    }

    #[test]
    fn a_child_gives_its_stdout_or_why_it_has_none() {
        assert_eq!(shell("echo a; echo b >&2", Duration::MAX).unwrap(), "a\n");
        let failed = shell("echo why >&2; exit 3", Duration::MAX).unwrap_err();
        assert_eq!(failed.to_string(), "exit status: 3: why\n");
        let late = shell("exec sleep 60", Duration::from_millis(50)).unwrap_err();
        assert!(matches!(late, ChildError::TimedOut(_)), "{late}");
        let missing = output(&mut Command::new("no-such-program"), Duration::MAX);
        let missing = missing.unwrap_err().to_string();
        assert!(missing.starts_with("can't start: "), "{missing}");
    }
}
