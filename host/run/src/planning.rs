//! What is left of a run, and what that costs.

use std::collections::HashSet;
use std::path::Path;

use picklock_files::Key;
use picklock_lab::{Cache, host_memory};
use picklock_message::{Result, bytes, grouped};
use picklock_record::{GradedTrial, LockCopies, Outcome, Plan, journal};
use picklock_task::Unused;

use crate::estimate::{Basis, Costs, lock_copies};
use crate::prepare::PreparedRun;
use crate::rehearsal::Rehearsal;
use crate::request::{Request, Site};

/// What is left to run, and what it costs.
pub struct PlannedRun {
    /// What is left.
    pub plan: Plan,
    /// What it costs.
    pub costs: Costs,
    /// The copies that its arms ask for on the way of their locks.
    pub copies: LockCopies,
    /// Hypotheses whose cost is a guess, and why.
    pub guessed: Vec<String>,
    /// Finished trials in the journal that don't count, since other builds of the plugins made them.
    pub of_other_builds: usize,
    /// What of the task's data isn't used.
    pub unused: Vec<Unused>,
    /// What speaks of too little memory, where a CPU's workers take more than the machine has.
    pub short_of_memory: Option<String>,
}

impl PlannedRun {
    /// Notes for people beside the plan, a line each.
    pub fn notes(&self) -> Vec<String> {
        let guess = |reason| format!("of that, a guess: {reason}");
        let mut notes: Vec<String> = self.unused.iter().map(Unused::to_string).collect();
        notes.extend(self.short_of_memory.clone());
        notes.extend(self.guessed.iter().map(guess));
        if self.of_other_builds > 0 {
            notes.push(format!(
                "{} finished trials in the journal don't count: other builds of the plugins made them, and \
                 only those go on with them",
                grouped(self.of_other_builds as u64)
            ));
        }
        notes
    }
}

impl PreparedRun {
    /// Plans what the journal lacks, or a shard's part of that. With `fresh` that is everything; with
    /// `retry_failed` failed trials are lacking.
    ///
    /// # Errors
    /// Where the journal can't be read.
    pub fn plan(&self, request: &Request) -> Result<PlannedRun> {
        let journal = self.path.join("journal");
        let finished = if request.fresh || !journal.exists() {
            HashSet::new()
        } else {
            finished(&journal, request.retry_failed)?
        };
        let mut plan = Plan::new(&self.manifest, &finished);
        let own = plan.done + self.manifest.count_refused(&finished);
        let of_other_builds = finished.len().saturating_sub(own);
        if let Some(shard) = request.shard {
            plan = shard.share(plan, &self.manifest);
        }
        let mut planned = PlannedRun {
            plan,
            costs: Costs::default(),
            copies: LockCopies::default(),
            guessed: Vec::new(),
            of_other_builds,
            unused: self.unused.clone(),
            short_of_memory: None,
        };
        if planned.plan.cohorts() == 0 {
            return Ok(planned);
        }
        let rehearsal = match &self.rehearsal {
            Some(known) => known.clone(),
            None => Rehearsal::of(&self.manifest, &self.plugins)?,
        };
        planned.guessed = rehearsal.guessed;
        planned.copies = lock_copies(&rehearsal.work);
        let basis = Basis {
            manifest: &self.manifest,
            rehearsed: &rehearsal.work,
            copies: &planned.copies,
            size: self.size,
            cache: &Cache::of_user()?,
            cuda: self.cuda,
            workers: self.devices.len(),
        };
        planned.costs = basis.costs(&planned.plan);
        if !self.cuda && request.site == Site::Here {
            let workers = planned.plan.workers(self.devices.len());
            planned.short_of_memory = short_of_memory(planned.costs.memory, workers);
        }
        Ok(planned)
    }
}

/// A note where so many workers, of so many bytes each, take more than the host has.
fn short_of_memory(each: f64, workers: usize) -> Option<String> {
    let (all, there) = (each * workers as f64, host_memory() as f64);
    (all > there).then(|| {
        format!(
            "its workers take about {}, and this machine has {}: with fewer --workers, or a smaller \
             --width in a new folder, it takes less",
            bytes(all as u64),
            bytes(there as u64)
        )
    })
}

/// The trials that the journal holds in segments that are whole, `but_failed` ones.
fn finished(journal: &Path, but_failed: bool) -> Result<HashSet<Key>> {
    let mut finished = HashSet::new();
    for path in journal::segments(journal)? {
        if let Ok(segment) = journal::read::<GradedTrial>(&path)? {
            let mut trials = segment.trials;
            trials.retain(|trial| !but_failed || trial.record.outcome == Outcome::Done);
            finished.extend(trials.into_iter().map(|trial| trial.id));
        }
    }
    Ok(finished)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_take_more_than_the_host_has_get_a_note() {
        let host = host_memory() as f64;
        assert_eq!(short_of_memory(host / 4.0, 2), None);
        let note = short_of_memory(host, 2).unwrap();
        let [all, there] = [2.0 * host, host].map(|size| bytes(size as u64));
        let all = format!("about {all}, and this machine has {there}: ");
        assert!(note.contains(&all), "{note}");
    }
}
