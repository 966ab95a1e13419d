//! A worker process as its supervisor sees it: the cohort that it runs, the next ones, how it ended.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::Sender;
use std::time::Instant;

use picklock_message::{Error, Result};
use picklock_record::{Block, BusyWorker, CohortPlan};
use rustix::process::Signal;

use crate::log::last_words;
use crate::process::{Heard, send, start};
use crate::protocol::ToWorker;

/// A worker process.
pub struct Handle {
    /// Which worker it is, from 0.
    pub index: usize,
    /// The device that it has.
    pub device: String,
    /// Its log file.
    pub log: PathBuf,
    /// When it had loaded everything.
    pub ready: Option<Instant>,
    /// The cohort that it runs.
    pub in_flight: Option<InFlight>,
    /// Why it hangs, where it has reported that.
    pub hung: Option<String>,
    /// What is left of its block.
    pub block: VecDeque<CohortPlan>,
    child: Child,
    stdin: Option<ChildStdin>,
    /// How long the log was when it started.
    log_before: u64,
}

/// A cohort that a worker runs.
pub struct InFlight {
    /// The cohort.
    pub cohort: CohortPlan,
    /// Its entry in the claim.
    pub claim: BusyWorker,
}

/// How a worker died.
pub struct Death {
    /// In words, as far as can be known.
    pub reason: String,
    /// Whether somebody else ended it: a person, or the system that ran out of memory.
    pub killed: bool,
}

impl Handle {
    /// Starts a worker on a device.
    ///
    /// # Errors
    /// Where it can't be started, or its log can't be written.
    pub fn start(
        index: usize,
        device: &str,
        log: &Path,
        sender: &Sender<(usize, Heard)>,
    ) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.map_err(Error::io(log, "write"))?;
        let log_before = file.metadata().map_or(0, |data| data.len());
        let (child, stdin) = start(Stdio::from(file), move |heard| (index, heard), sender)?;
        Ok(Self {
            index,
            device: device.to_string(),
            log: log.to_path_buf(),
            ready: None,
            in_flight: None,
            hung: None,
            block: VecDeque::new(),
            child,
            stdin: Some(stdin),
            log_before,
        })
    }

    /// Sends it a message.
    pub fn send(&mut self, message: &ToWorker) {
        if let Some(stdin) = &mut self.stdin {
            send(stdin, message);
        }
    }

    /// Gives it its next cohort; with nothing left its stdin is closed, and `false` comes back.
    ///
    /// # Errors
    /// Where it has not reported that it is ready.
    pub fn next(&mut self, blocks: &mut VecDeque<Block>) -> Result<bool> {
        if self.ready.is_none() {
            return Err(Error::Worker("spoke before it was ready".into()));
        }
        if self.block.is_empty() {
            self.send(&ToWorker::EndBlock);
            if let Some(block) = blocks.pop_front() {
                self.block = block.cohorts.into();
            }
        }
        let Some(cohort) = self.block.pop_front() else {
            self.stdin = None;
            return Ok(false);
        };
        self.send(&ToWorker::Cohort {
            hypothesis: cohort.hypothesis.clone(),
            arm: cohort.arm.clone(),
            members: cohort.members.clone(),
        });
        let claim = BusyWorker::now(self.index, self.child.id(), &self.device, &cohort);
        self.in_flight = Some(InFlight { cohort, claim });
        Ok(true)
    }

    /// Whether it has nothing left to do, and its stdin is closed.
    pub fn is_dismissed(&self) -> bool {
        self.stdin.is_none()
    }

    /// Waits for its end, and brings it about with `kill`.
    pub fn end(&mut self, kill: bool) {
        self.stdin = None;
        if kill {
            // It may have ended by itself.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }

    /// How it died.
    pub fn death(&mut self) -> Death {
        if let Some(reason) = self.hung.take() {
            // It may still be there.
            self.end(true);
            return Death {
                reason,
                killed: false,
            };
        }
        let (status, killed) = match self.child.wait() {
            Ok(status) => {
                let signals = [Signal::KILL, Signal::TERM].map(|signal| Some(signal.as_raw()));
                (status.to_string(), signals.contains(&status.signal()))
            }
            Err(error) => (error.to_string(), false),
        };
        let words = self.last_words().map(|words| format!(": {words}"));
        let reason = format!(
            "its worker ended with {status}{}",
            words.unwrap_or_default()
        );
        Death { reason, killed }
    }

    /// The last line of its stderr that is not the log's own.
    fn last_words(&self) -> Option<String> {
        let mut file = File::open(&self.log).ok()?;
        file.seek(SeekFrom::Start(self.log_before)).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        last_words(&String::from_utf8_lossy(&bytes)).map(str::to_string)
    }
}
