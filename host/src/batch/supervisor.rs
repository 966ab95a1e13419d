//! The supervisor: starts workers, hands out cohorts, and makes up for workers that die.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::plan::{Block, CohortPlan, Plan};
use super::process::{Heard, send, start};
use super::progress::Progress;
use super::protocol::{FromWorker, ToWorker, VERSION};
use super::worker::{failed, write_records};
use crate::error::{Error, Result};
use crate::journal::Manifest;

/// Set by Ctrl-C.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// How often Ctrl-C is looked for.
const TICK: Duration = Duration::from_millis(100);

/// Runs a plan on worker processes.
pub struct Supervisor<'a> {
    /// The run's folder.
    pub run: &'a Path,
    /// What is run.
    pub manifest: &'a Manifest,
    /// Hypotheses, and their plugin files.
    pub plugins: Vec<(String, PathBuf)>,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// How many workers at most.
    pub workers: usize,
}

/// A worker process, and what it is at.
struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    log: PathBuf,
    ready: bool,
    block: VecDeque<CohortPlan>,
    in_flight: Option<CohortPlan>,
    hung: Option<String>,
}

impl Supervisor<'_> {
    /// Runs everything that the plan has left.
    ///
    /// # Errors
    /// Where the run can't go on, or Ctrl-C stopped it. What was finished is in the journal.
    pub fn run(&self, plan: &Plan, progress: &mut Progress) -> Result<()> {
        let (sender, heard) = channel();
        let mut blocks: VecDeque<Block> = plan.blocks.iter().cloned().collect();
        let count = self.workers.clamp(1, blocks.len().max(1));
        let mut workers = Vec::new();
        for index in 0..count {
            workers.push(self.spawn(index, &sender)?);
        }
        let result = self.hand_out(&mut workers, &mut blocks, &sender, &heard, progress);
        for worker in &mut workers {
            worker.stdin = None;
            if result.is_err() {
                // It may have ended by itself.
                let _ = worker.child.kill();
            }
            let _ = worker.child.wait();
        }
        result
    }

    fn hand_out(
        &self,
        workers: &mut [Worker],
        blocks: &mut VecDeque<Block>,
        sender: &Sender<(usize, Heard)>,
        heard: &Receiver<(usize, Heard)>,
        progress: &mut Progress,
    ) -> Result<()> {
        let mut finished = 0;
        while finished < workers.len() {
            if STOP.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            let (index, heard) = match heard.recv_timeout(TICK) {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let worker = &mut workers[index];
            match heard {
                Heard::Message(FromWorker::Progress { what, step, steps }) => {
                    progress.step(index, &what, step, steps);
                }
                Heard::Message(FromWorker::Hung { reason }) => worker.hung = Some(reason),
                Heard::Message(FromWorker::Broken { reason, exit_code }) => {
                    return Err(match exit_code {
                        2 => Error::Usage(reason),
                        _ => Error::Worker(reason),
                    });
                }
                Heard::Message(FromWorker::Finished) => {
                    if let Some(cohort) = worker.in_flight.take() {
                        progress.finished(&cohort);
                    }
                    finished += usize::from(!worker.next(blocks)?);
                }
                Heard::Message(FromWorker::Ready) => {
                    worker.ready = true;
                    finished += usize::from(!worker.next(blocks)?);
                }
                Heard::Message(FromWorker::Note(text)) => progress.note(&text),
                Heard::Message(FromWorker::Arms(_) | FromWorker::Rehearsed(_)) => {}
                Heard::Gone if worker.stdin.is_none() => {}
                Heard::Gone => {
                    self.bury(worker, progress)?;
                    let block = std::mem::take(&mut worker.block);
                    *worker = self.spawn(index, sender)?;
                    worker.block = block;
                }
            }
        }
        Ok(())
    }

    /// Makes up for a worker that died with a cohort in flight: its halves are tried apart, and a
    /// member that stands alone is recorded as failed.
    fn bury(&self, worker: &mut Worker, progress: &mut Progress) -> Result<()> {
        let reason = worker.reason();
        // A worker whose trial hangs may still be there.
        let _ = worker.child.kill();
        let _ = worker.child.wait();
        let Some(cohort) = worker.in_flight.take() else {
            return Err(Error::Worker(format!(
                "{reason}; see {}",
                worker.log.display()
            )));
        };
        if cohort.members.len() > 1 {
            progress.note(&format!(
                "{}/{}: {reason}; trying its halves apart",
                cohort.hypothesis, cohort.arm
            ));
            let (first, second) = cohort.members.split_at(cohort.members.len() / 2);
            for members in [second, first] {
                worker.block.push_front(CohortPlan {
                    members: members.to_vec(),
                    ..cohort.clone()
                });
            }
            return Ok(());
        }
        progress.finished(&cohort);
        let missing = || {
            Error::Worker(format!(
                "no {}/{} in the manifest",
                cohort.hypothesis, cohort.arm
            ))
        };
        let run = self
            .manifest
            .hypothesis(&cohort.hypothesis)
            .ok_or_else(missing)?;
        let arm = run
            .arms
            .iter()
            .find(|arm| arm.name() == cohort.arm)
            .ok_or_else(missing)?;
        let records = cohort.members.iter().map(|member| failed(*member, &reason));
        write_records(self.run, self.manifest, run, arm, records.collect())
    }

    fn spawn(&self, index: usize, sender: &Sender<(usize, Heard)>) -> Result<Worker> {
        let folder = self.run.join("logs");
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder, "make the folder"))?;
        let log = folder.join(format!("worker-{index}.log"));
        let file = File::options().create(true).append(true).open(&log);
        let file = file.map_err(Error::io(&log, "write"))?;
        let (child, stdin) = start(Stdio::from(file), move |heard| (index, heard), sender)?;
        let mut worker = Worker {
            child,
            stdin: Some(stdin),
            log,
            ready: false,
            block: VecDeque::new(),
            in_flight: None,
            hung: None,
        };
        worker.say(&ToWorker::Start {
            version: VERSION,
            run: self.run.to_path_buf(),
            device: self.device.clone(),
            plugins: self.plugins.clone(),
        });
        Ok(worker)
    }
}

impl Worker {
    fn say(&mut self, message: &ToWorker) {
        if let Some(stdin) = &mut self.stdin {
            send(stdin, message);
        }
    }

    /// Gives the worker its next cohort; with nothing left it is let go, and `false` comes back.
    fn next(&mut self, blocks: &mut VecDeque<Block>) -> Result<bool> {
        if !self.ready {
            return Err(Error::Worker("spoke before it was ready".into()));
        }
        if self.block.is_empty() {
            self.say(&ToWorker::EndBlock);
            if let Some(block) = blocks.pop_front() {
                self.block = block.cohorts.into();
            }
        }
        let Some(cohort) = self.block.pop_front() else {
            self.stdin = None;
            return Ok(false);
        };
        self.say(&ToWorker::Cohort {
            hypothesis: cohort.hypothesis.clone(),
            arm: cohort.arm.clone(),
            members: cohort.members.clone(),
        });
        self.in_flight = Some(cohort);
        Ok(true)
    }

    /// Why it died, as far as can be known.
    fn reason(&mut self) -> String {
        if let Some(reason) = self.hung.take() {
            return reason;
        }
        let status = match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        match log.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("its worker ended with {status}: {}", line.trim()),
            None => format!("its worker ended with {status}"),
        }
    }
}
