//! The supervisor: starts workers, hands out cohorts, and replaces workers that die.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use picklock_message::{Error, Result};
use picklock_record::{
    Block, ClaimWriter, CohortPlan, LockCopies, Manifest, Member, Plan, RunHypothesis, Shard,
    journal,
};
use picklock_sdk::Arm;

use crate::event::Finished;
use crate::handle::{Handle, InFlight};
use crate::process::Heard;
use crate::progress::Progress;
use crate::protocol::{FromWorker, Start, ToWorker, VERSION};
use crate::trials::{failed, write_records};

/// Set by Ctrl-C.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// How often Ctrl-C is looked for.
const TICK: Duration = Duration::from_millis(100);

/// How often a trial that is alone in its worker is tried when somebody kills the worker: that need
/// not be the trial's fault.
const TRIES: u32 = 3;

/// Runs a plan on worker processes.
pub struct Supervisor<'a> {
    /// The run's folder.
    pub run: &'a Path,
    /// What is run.
    pub manifest: &'a Manifest,
    /// The shard, where this is one.
    pub shard: Option<Shard>,
    /// Hypotheses, and their plugin files.
    pub plugins: Vec<(String, PathBuf)>,
    /// The copies that arms ask for on the way of their locks.
    pub copies: LockCopies,
    /// A device for each worker, as in `cpu` or `cuda:1`.
    pub devices: Vec<String>,
}

/// What changes while a plan is run.
struct Work<'p> {
    blocks: VecDeque<Block>,
    progress: &'p mut Progress,
    /// How often workers were killed over a trial that they had alone.
    kills: HashMap<(String, String, Member), u32>,
    /// How often in a row a worker died over nothing.
    idle_deaths: u32,
    sender: Sender<(usize, Heard)>,
}

impl Supervisor<'_> {
    /// Runs everything that the plan has left.
    ///
    /// # Errors
    /// Where the run can't go on, or Ctrl-C stopped it. What was finished is in the journal.
    pub fn run(&self, plan: &Plan, progress: &mut Progress) -> Result<()> {
        let (sender, heard) = channel();
        let mut work = Work {
            blocks: plan.blocks.iter().cloned().collect(),
            progress,
            kills: HashMap::new(),
            idle_deaths: 0,
            sender,
        };
        let count = plan.workers(self.devices.len());
        let mut workers = Vec::new();
        for index in 0..count {
            workers.push(self.spawn(index, &work.sender)?);
        }
        let result = self.hand_out(&mut workers, &mut work, &heard);
        for worker in &mut workers {
            worker.end(result.is_err());
        }
        result
    }

    fn hand_out(
        &self,
        workers: &mut [Handle],
        work: &mut Work,
        heard: &Receiver<(usize, Heard)>,
    ) -> Result<()> {
        let mut claim = ClaimWriter::new(self.run, self.shard);
        let mut finished = 0;
        while finished < workers.len() {
            let in_flight = workers.iter().filter_map(|it| it.in_flight.as_ref());
            claim.update(in_flight.map(|in_flight| in_flight.claim.clone()));
            if STOP.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            match heard.recv_timeout(TICK) {
                Ok((index, heard)) => {
                    finished += usize::from(self.take(&mut workers[index], heard, work)?);
                }
                Err(RecvTimeoutError::Timeout) => work.progress.tick(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(())
    }

    /// Handles a message of a worker, or its end; `true` where it has nothing left to do.
    fn take(&self, worker: &mut Handle, heard: Heard, work: &mut Work) -> Result<bool> {
        match heard {
            Heard::Message(FromWorker::Progress { what, step, steps }) => {
                work.progress.step(worker.index, &what, step, steps);
            }
            Heard::Message(FromWorker::Hung { reason }) => worker.hung = Some(reason),
            Heard::Message(FromWorker::Broken { reason, exit_code }) => {
                return Err(match exit_code {
                    2 => Error::Usage(reason),
                    _ => Error::Worker(reason),
                });
            }
            Heard::Message(FromWorker::Finished {
                failed,
                seconds,
                lab_seconds,
            }) => {
                work.idle_deaths = 0;
                if let Some(InFlight { cohort, .. }) = worker.in_flight.take() {
                    let finished = Finished {
                        worker: worker.index,
                        failed,
                        seconds,
                        lab_seconds,
                    };
                    work.progress.finished(&cohort, &finished);
                }
                return give_next(worker, work);
            }
            Heard::Message(FromWorker::Ready) => {
                worker.ready = Some(Instant::now());
                return give_next(worker, work);
            }
            Heard::Message(FromWorker::Note(text)) => work.progress.note(&text),
            Heard::Message(FromWorker::Arms(_) | FromWorker::Rehearsed(_)) => {}
            Heard::Gone if worker.is_dismissed() => {}
            Heard::Gone => {
                self.make_up_for(worker, work)?;
                let block = std::mem::take(&mut worker.block);
                *worker = self.spawn(worker.index, &work.sender)?;
                worker.block = block;
            }
        }
        Ok(false)
    }

    /// Makes up for a worker that died with a cohort in flight: its halves are tried apart, and a
    /// member that stands alone is recorded as failed.
    fn make_up_for(&self, worker: &mut Handle, work: &mut Work) -> Result<()> {
        let death = worker.death();
        let reason = death.reason;
        let Some(InFlight { cohort, .. }) = worker.in_flight.take() else {
            work.idle_deaths += 1;
            if death.killed && work.idle_deaths < TRIES {
                work.progress.note(&format!("{reason}; starting another"));
                return Ok(());
            }
            let advice = match death.killed {
                true => "it was killed; give the same command again".to_string(),
                false => format!("see {}", worker.log.display()),
            };
            return Err(Error::Worker(format!("{reason}; {advice}")));
        };
        if let Some(ready) = worker.ready {
            work.progress.worker_ended(ready.elapsed());
        }
        let (run, arm) = self.find(&cohort)?;
        let trial_id = |member: &Member| self.manifest.trial_id(run, arm, *member);
        let ids: Vec<_> = cohort.members.iter().map(trial_id).collect();
        let ids: Vec<_> = ids.iter().collect();
        if journal::holds(&self.run.join("journal"), &run.name, arm.name(), &ids) {
            // It died just after it had written the segment.
            work.progress
                .finished(&cohort, &Finished::lost(worker.index, 0));
            return Ok(());
        }
        let name = format!("{}/{}", cohort.hypothesis, cohort.arm);
        if let [member] = cohort.members.as_slice() {
            let key = (cohort.hypothesis.clone(), cohort.arm.clone(), *member);
            let kills = work.kills.entry(key).or_default();
            *kills += 1;
            if death.killed && *kills < TRIES {
                work.progress
                    .note(&format!("{name}: {reason}; trying it again"));
                worker.block.push_front(cohort);
                return Ok(());
            }
            let record = failed(*member, &reason);
            write_records(self.run, self.manifest, run, arm, vec![record], Vec::new())?;
            work.progress
                .finished(&cohort, &Finished::lost(worker.index, 1));
            return Ok(());
        }
        work.progress
            .note(&format!("{name}: {reason}; trying its halves apart"));
        let (first, second) = cohort.members.split_at(cohort.members.len() / 2);
        for members in [second, first] {
            worker.block.push_front(CohortPlan {
                members: members.to_vec(),
                ..cohort.clone()
            });
        }
        Ok(())
    }

    /// A cohort's hypothesis and arm as the manifest has them.
    fn find(&self, cohort: &CohortPlan) -> Result<(&RunHypothesis, &Arm)> {
        let run = self.manifest.hypothesis(&cohort.hypothesis);
        let arm = run.and_then(|run| {
            let mut arms = run.arms.iter();
            Some((run, arms.find(|arm| arm.name() == cohort.arm)?))
        });
        arm.ok_or_else(|| {
            let (hypothesis, arm) = (&cohort.hypothesis, &cohort.arm);
            Error::Worker(format!("no {hypothesis}/{arm} in the manifest"))
        })
    }

    fn spawn(&self, index: usize, sender: &Sender<(usize, Heard)>) -> Result<Handle> {
        let folder = self.run.join("logs");
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder, "make the folder"))?;
        let suffix = self.shard.map(Shard::suffix).unwrap_or_default();
        let log = folder.join(format!("worker-{index}{suffix}.log"));
        let device = self.devices[index % self.devices.len()].clone();
        let mut worker = Handle::start(index, &device, &log, sender)?;
        worker.send(&ToWorker::Start(Start {
            version: VERSION,
            run: self.run.to_path_buf(),
            device,
            plugins: self.plugins.clone(),
            copies: self.copies.clone(),
        }));
        Ok(worker)
    }
}

/// Gives a worker its next cohort; `true` where there is none.
fn give_next(worker: &mut Handle, work: &mut Work) -> Result<bool> {
    let is_last = !worker.next(&mut work.blocks)?;
    if is_last && let Some(ready) = worker.ready {
        work.progress.worker_ended(ready.elapsed());
    }
    Ok(is_last)
}
