//! The outlook on a run: its trials, and what they would cost.

use std::fmt::Write;
use std::path::Path;

use picklock_message::{bytes, duration};
use picklock_record::{CohortPlan, LeftOut, RunHypothesis, Shard};
use picklock_task::Unused;
use serde::Serialize;

use crate::planning::PlannedRun;
use crate::prepare::PreparedRun;

/// What a run, or a shard of it, has left to do.
#[derive(Clone, Debug, Serialize)]
pub struct Outlook<'a> {
    /// The run's folder.
    run: &'a Path,
    /// The shard, as in `2/3`; null where this is the whole run.
    shard: Option<String>,
    /// Trials in all, of the shard where this is one.
    trials: usize,
    /// Trials that the journal holds.
    done: usize,
    /// Cohorts that are left.
    cohorts: usize,
    /// The device of each worker that starts.
    devices: &'a [String],
    /// How long it is expected to take.
    expected_seconds: f64,
    /// The organism's name.
    organism: &'a str,
    /// Seeds, of the whole run.
    seeds: u32,
    /// Draws within each.
    draws: u32,
    /// Problems that each trial is judged on.
    problems: u32,
    /// Members that run side by side.
    width: u32,
    /// Seeds that a worker takes at a time.
    seeds_per_block: u32,
    /// Blocks that have something left.
    blocks: usize,
    /// Memory of each worker's models.
    memory_bytes: u64,
    /// Each hypothesis, in order.
    hypotheses: Vec<Part<'a>>,
    /// Hypotheses whose cost is a guess, and why.
    guesses: &'a [String],
    /// Finished trials in the journal that don't count, since other builds of the plugins made them.
    of_other_builds: usize,
    /// What of the task's data isn't used.
    unused_data: &'a [Unused],
    /// What is to be said beside the plan, in words.
    #[serde(skip)]
    notes: Vec<String>,
    /// What is left out, in words.
    #[serde(skip)]
    left_out: Vec<String>,
}

/// A hypothesis' part of an outlook.
#[derive(Clone, Debug, Serialize)]
struct Part<'a> {
    /// Its name.
    hypothesis: &'a str,
    /// Its arms.
    arms: usize,
    /// Its trials, of the shard where this is one.
    trials: usize,
    /// Trials that are left.
    to_run: usize,
    /// How long they are expected to take.
    expected_seconds: f64,
    /// Why its plugin is refused, where it is.
    refused: Option<&'a str>,
    /// Arms that have no trials, and what they need that the organism hasn't got.
    left_out: &'a [LeftOut],
}

impl<'a> Outlook<'a> {
    /// The outlook on a plan.
    pub fn new(prepared: &'a PreparedRun, planned: &'a PlannedRun, shard: Option<Shard>) -> Self {
        let manifest = &prepared.manifest;
        let (plan, costs) = (&planned.plan, &planned.costs);
        let workers = plan.workers(prepared.devices.len());
        let ours = |seed: &u32| shard.is_none_or(|shard| shard.takes(*seed, manifest));
        let members = (0..manifest.seeds).filter(ours).count() * manifest.draws as usize;
        let part = |run: &'a RunHypothesis| {
            let cohorts: Vec<&CohortPlan> = plan
                .blocks
                .iter()
                .flat_map(|block| &block.cohorts)
                .filter(|cohort| cohort.hypothesis == run.name)
                .collect();
            Part {
                hypothesis: &run.name,
                arms: run.arms.len(),
                trials: run.arms.len() * members,
                to_run: cohorts.iter().map(|cohort| cohort.members.len()).sum(),
                expected_seconds: cohorts.iter().map(|cohort| costs.of(cohort)).sum(),
                refused: run.refused.as_deref(),
                left_out: &run.left_out,
            }
        };
        Self {
            run: &prepared.path,
            shard: shard.map(|shard| shard.to_string()),
            trials: plan.trials,
            done: plan.done,
            cohorts: plan.cohorts(),
            devices: &prepared.devices[..workers],
            expected_seconds: costs.total(),
            organism: &manifest.organism.name,
            seeds: manifest.seeds,
            draws: manifest.draws,
            problems: manifest.organism.problems.held_out,
            width: manifest.geometry.width,
            seeds_per_block: manifest.geometry.seeds_per_block,
            blocks: plan.blocks.len(),
            memory_bytes: costs.memory as u64,
            hypotheses: manifest.hypotheses.iter().map(part).collect(),
            guesses: &planned.guessed,
            of_other_builds: planned.of_other_builds,
            unused_data: &planned.unused,
            notes: planned.notes(),
            left_out: manifest.left_out_lines(),
        }
    }

    /// The outlook as people read it; `device` is the class of device that it is on.
    pub fn text(&self, device: &str) -> String {
        let shard = self.shard.as_ref();
        let shard = shard.map(|shard| format!(" (shard {shard})"));
        let mut text = format!(
            "{}: {} seeds x {} draws x {} problems, on {device}, into {}{}\n\n",
            self.organism,
            self.seeds,
            self.draws,
            self.problems,
            self.run.display(),
            shard.unwrap_or_default(),
        );
        let mut line = |cells: [&str; 5]| {
            let [name, arms, trials, open, time] = cells;
            // Writing to a string can't fail.
            let _ = writeln!(text, "{name:<20} {arms:>5} {trials:>7} {open:>7}  {time}");
        };
        line(["hypothesis", "arms", "trials", "to run", "time"]);
        for part in &self.hypotheses {
            let time = match part.refused {
                Some(reason) => format!("refused: {reason}"),
                None => duration(part.expected_seconds),
            };
            let [arms, trials, open] = [part.arms, part.trials, part.to_run].map(|n| n.to_string());
            line([part.hypothesis, &arms, &trials, &open, &time]);
        }
        let time = duration(self.expected_seconds);
        let [trials, open] = [self.trials, self.trials - self.done].map(|n| n.to_string());
        line(["in all", "", &trials, &open, &time]);
        let _ = writeln!(
            text,
            "\n{} cohorts of up to {} trials side by side, in {} blocks of {} seeds, on {} worker processes\n\
             about {time} in all, evaluation included, and {} of memory for each worker's models",
            self.cohorts,
            self.width,
            self.blocks,
            self.seeds_per_block,
            self.devices.len(),
            bytes(self.memory_bytes),
        );
        for note in &self.notes {
            let _ = writeln!(text, "{note}");
        }
        for line in &self.left_out {
            let _ = writeln!(text, "left out: {line}");
        }
        text
    }
}
