//! Tallies: how far each hypothesis of a run is, how fast, and how long the rest takes.

use std::time::{Duration, Instant};

use picklock_record::{CohortPlan, Plan};

use crate::estimate::Costs;
use crate::event::Finished;

/// How far a hypothesis is, or all of them together.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// The hypothesis' name.
    pub name: String,
    /// Trials that were left at the start.
    pub trials: usize,
    /// Of these, done or failed.
    pub done: usize,
    /// Of these, failed.
    pub failed: usize,
    /// Seconds that workers spent on them.
    pub seconds: f64,
    /// Seconds that they were expected to take.
    expected: f64,
    /// Of these, the share of what is done.
    expected_done: f64,
}

/// Every hypothesis' tally.
pub struct Tallies {
    /// In the plan's order.
    pub hypotheses: Vec<Tally>,
    /// Of all together.
    pub all: Tally,
    costs: Costs,
    started: Instant,
    workers: usize,
}

impl Tallies {
    /// Tallies over what `plan` has left.
    pub fn new(plan: &Plan, costs: Costs, workers: usize) -> Self {
        let mut tallies = Self {
            hypotheses: Vec::new(),
            all: Tally::default(),
            costs,
            started: Instant::now(),
            workers: plan.workers(workers).max(1),
        };
        for cohort in plan.blocks.iter().flat_map(|block| &block.cohorts) {
            let (trials, expected) = (cohort.members.len(), tallies.costs.of(cohort));
            for tally in tallies.of(cohort) {
                tally.trials += trials;
                tally.expected += expected;
            }
        }
        tallies
    }

    /// A cohort has come to its end; `true` where it was its hypothesis' last.
    pub fn add(&mut self, cohort: &CohortPlan, finished: &Finished) -> bool {
        let (trials, expected) = (cohort.members.len(), self.costs.of(cohort));
        let mut last = false;
        for tally in self.of(cohort) {
            tally.done += trials;
            tally.failed += finished.failed;
            tally.seconds += finished.seconds;
            tally.expected_done += expected;
            last |= tally.done == tally.trials;
        }
        last
    }

    /// Trials a second of a hypothesis, of all workers together.
    pub fn rate(&self, tally: &Tally) -> Option<f64> {
        (tally.seconds > 0.0).then(|| tally.done as f64 / tally.seconds * self.workers as f64)
    }

    /// Seconds that are left, as the expectation has held so far.
    pub fn left(&self, tally: &Tally) -> Option<f64> {
        let pace = self.elapsed().as_secs_f64() / self.all.expected_done;
        let left = (tally.expected - tally.expected_done).max(0.0);
        (self.all.expected_done > 0.0).then_some(left * pace)
    }

    /// Seconds that everything was expected to take.
    pub fn expected(&self) -> f64 {
        self.costs.total()
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The tally of a cohort's hypothesis, and that of all.
    fn of(&mut self, cohort: &CohortPlan) -> [&mut Tally; 2] {
        let known = |tally: &Tally| tally.name == cohort.hypothesis;
        let index = self.hypotheses.iter().position(known).unwrap_or_else(|| {
            self.hypotheses.push(Tally {
                name: cohort.hypothesis.clone(),
                ..Tally::default()
            });
            self.hypotheses.len() - 1
        });
        [&mut self.hypotheses[index], &mut self.all]
    }
}
