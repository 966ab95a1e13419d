//! Progress: a bar on a terminal, plain lines elsewhere, both with what is left.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::estimate::Costs;
use super::plan::CohortPlan;

/// Shows how far a run is.
pub struct Progress {
    bar: Option<ProgressBar>,
    costs: Costs,
    started: Instant,
    trials: usize,
    trials_in_all: usize,
    /// Expected seconds of what is finished.
    finished: f64,
    /// For each worker, the share of its cohort's models that is made.
    steps: Vec<String>,
}

impl Progress {
    /// Progress over `trials` trials that are expected to cost as much as `costs` says.
    pub fn new(costs: Costs, trials: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(trials as u64);
            let template = "{bar:30} {pos}/{len} trials, {elapsed} so far; {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self {
            bar,
            costs,
            started: Instant::now(),
            trials: 0,
            trials_in_all: trials,
            finished: 0.0,
            steps: Vec::new(),
        }
    }

    /// A worker is at this step of something.
    pub fn step(&mut self, worker: usize, what: &str, step: usize, steps: usize) {
        let Some(bar) = &self.bar else { return };
        self.steps
            .resize(self.steps.len().max(worker + 1), String::new());
        self.steps[worker] = format!("{what} {step}/{steps}");
        bar.set_message(format!("{}; {}", self.left(), self.steps.join(" | ")));
    }

    /// A cohort is in the journal.
    pub fn finished(&mut self, cohort: &CohortPlan) {
        self.trials += cohort.members.len();
        self.finished += self.costs.of(cohort);
        let left = self.left();
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.trials as u64);
                bar.set_message(left);
            }
            None => eprintln!(
                "[{}/{} trials, {}] {}/{}; {left}",
                self.trials,
                self.trials_in_all,
                readable(self.started.elapsed().as_secs_f64()),
                cohort.hypothesis,
                cohort.arm
            ),
        }
    }

    /// Something that a reader should know.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn left(&self) -> String {
        let total = self.costs.total();
        let share = if total > 0.0 {
            self.finished / total
        } else {
            1.0
        };
        let elapsed = self.started.elapsed().as_secs_f64();
        match share {
            share if share <= 0.0 => format!("about {} in all", readable(total)),
            share => format!("about {} left", readable(elapsed * (1.0 - share) / share)),
        }
    }
}

/// Seconds in words.
pub fn readable(seconds: f64) -> String {
    match seconds.max(0.0).round() as u64 {
        seconds @ 0..=90 => format!("{seconds} s"),
        seconds @ 91..=5400 => format!("{} min", (seconds as f64 / 60.0).round()),
        seconds => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}
