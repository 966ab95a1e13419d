//! Worker processes: how one is started, spoken to, and heard.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Sender;

use picklock_message::{Error, Result};

use crate::protocol::{FromWorker, ToWorker};

/// Decoding frees and takes the same megabytes at every step: glibc should keep them.
const MALLOC: [(&str, &str); 3] = [
    ("MALLOC_MMAP_THRESHOLD_", "1000000000"),
    ("MALLOC_TRIM_THRESHOLD_", "1000000000"),
    ("MALLOC_TOP_PAD_", "100000000"),
];

/// What is heard of a worker process.
pub enum Heard {
    /// A message.
    Message(FromWorker),
    /// Its end.
    Gone,
}

/// Starts a worker process in a process group of its own (Ctrl-C is the supervisor's to handle),
/// and a thread that passes on what it says.
pub fn start<T: Send + 'static>(
    stderr: Stdio,
    wrap: impl Fn(Heard) -> T + Send + 'static,
    sender: &Sender<T>,
) -> Result<(Child, ChildStdin)> {
    let failed = |error: std::io::Error| Error::Worker(format!("can't start: {error}"));
    // This very program, also where its file has been built anew meanwhile.
    let mut child = Command::new("/proc/self/exe")
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .process_group(0)
        .envs(MALLOC)
        .spawn()
        .map_err(failed)?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Error::Worker("no pipes".into()));
    };
    let sender = sender.clone();
    std::thread::spawn(move || {
        let lines = BufReader::new(stdout)
            .lines()
            .map_while(std::result::Result::ok);
        for message in lines.filter_map(|line| serde_json::from_str(&line).ok()) {
            // Nobody listens any more once the run has ended.
            let _ = sender.send(wrap(Heard::Message(message)));
        }
        let _ = sender.send(wrap(Heard::Gone));
    });
    Ok((child, stdin))
}

/// Sends a message.
pub fn send(stdin: &mut ChildStdin, message: &ToWorker) {
    let json = serde_json::to_string(message).unwrap_or_default();
    // A worker that has died is noticed by the end of its stdout.
    let _ = stdin.write_all((json + "\n").as_bytes());
}
