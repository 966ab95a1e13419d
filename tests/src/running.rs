//! A command that is running, and its processes.

use std::io::Read;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Done;

/// How long anything that tests wait for may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// A picklock that is running; killed when dropped.
pub struct Running {
    child: Child,
}

impl Running {
    /// A command that has been started, with a pipe for its stderr.
    pub fn new(child: Child) -> Self {
        Self { child }
    }

    /// Its process.
    ///
    /// # Panics
    /// Never: a child's id is positive.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits until a run's journal holds this many segments.
    ///
    /// # Panics
    /// Where that takes for ever.
    pub fn wait_for_segments(&mut self, run: &Path, count: usize) {
        let segments = || {
            let entries = std::fs::read_dir(run.join("journal")).into_iter().flatten();
            let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
            let names = entries.flatten().map(name);
            names.filter(|name| !name.starts_with('.')).count()
        };
        wait_for("segments", || segments() >= count);
        let ended = self.child.try_wait().expect("a child of ours");
        assert_eq!(ended, None, "the run was over before it could be disturbed");
    }

    /// Sends a signal to it alone.
    ///
    /// # Panics
    /// Where it has ended.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is running");
    }

    /// Its end, with what it wrote to stderr.
    ///
    /// # Panics
    /// Where it can't be waited for.
    pub fn end(mut self) -> Done {
        let mut stderr = String::new();
        let pipe = self.child.stderr.as_mut().expect("a pipe");
        pipe.read_to_string(&mut stderr).expect("text");
        let status = self.child.wait().expect("a child of ours");
        Done {
            code: status.code(),
            stdout: String::new(),
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so.
///
/// # Panics
/// Where that takes for ever.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited for {what} in vain");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The processes that this one has started and that are running.
pub fn children(parent: Pid) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let pids = numbers.filter_map(Pid::from_raw);
    pids.filter(|pid| stat(*pid).is_some_and(|(state, of)| state != "Z" && of == parent))
        .collect()
}

/// Whether a process has ended; a zombie has.
pub fn has_ended(pid: Pid) -> bool {
    stat(pid).is_none_or(|(state, _)| state == "Z")
}

/// State and parent.
fn stat(pid: Pid) -> Option<(String, Pid)> {
    let path = format!("/proc/{}/stat", pid.as_raw_nonzero());
    let text = std::fs::read_to_string(path).ok()?;
    // The name before it, in parentheses, may hold anything.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.to_string();
    Some((state, Pid::from_raw(fields.next()?.parse().ok()?)?))
}
