//! Progress: bars on a terminal, a line now and then elsewhere, events for machines; each with what
//! is left.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use picklock_message::{duration, tell};
use picklock_record::CohortPlan;

use crate::event::{End, Event, Finished};
use crate::tally::{Tallies, Tally};

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(30);

/// Shows how far a run is.
pub struct Progress {
    voice: Voice,
    tallies: Tallies,
    worker_seconds: f64,
    lab_seconds: f64,
}

/// How it is shown.
enum Voice {
    /// On a terminal.
    Bars(Bars),
    /// Where nobody watches; `last` is when the last line was written.
    Lines { last: Instant },
    /// To a program.
    Json,
}

/// A bar for each hypothesis, and a line for the workers.
struct Bars {
    all: MultiProgress,
    hypotheses: Vec<ProgressBar>,
    workers: ProgressBar,
    steps: Vec<String>,
}

impl Progress {
    /// Progress in these tallies; as events with `json`.
    pub fn new(tallies: Tallies, json: bool) -> Self {
        let watched = std::io::stderr().is_terminal() && std::env::var_os("CI").is_none();
        let voice = match (json, watched) {
            (true, _) => Voice::Json,
            (_, true) => Voice::Bars(Bars::new(&tallies)),
            _ => Voice::Lines {
                last: Instant::now(),
            },
        };
        Self {
            voice,
            tallies,
            worker_seconds: 0.0,
            lab_seconds: 0.0,
        }
    }

    /// Time has passed.
    pub fn tick(&mut self) {
        if let Voice::Lines { last } = &mut self.voice
            && last.elapsed() >= EVERY
        {
            *last = Instant::now();
            let going = |tally: &&Tally| tally.done < tally.trials;
            let tallies = self.tallies.hypotheses.iter().filter(going);
            let parts: Vec<String> = tallies.map(|tally| self.going(tally)).collect();
            self.line(&parts.join(", "));
        }
    }

    /// A worker is at this step of something.
    pub fn step(&mut self, worker: usize, what: &str, step: usize, steps: usize) {
        if let Voice::Bars(bars) = &mut self.voice {
            let count = bars.steps.len().max(worker + 1);
            bars.steps.resize(count, String::new());
            bars.steps[worker] = format!("{what} {step}/{steps}");
            let left = left(&self.tallies);
            bars.workers
                .set_message(format!("{left}; {}", bars.steps.join(" | ")));
        }
    }

    /// A cohort is in the journal.
    pub fn finished(&mut self, cohort: &CohortPlan, finished: &Finished) {
        self.lab_seconds += finished.lab_seconds;
        let last = self.tallies.add(cohort, finished);
        let mut tallies = self.tallies.hypotheses.iter().enumerate();
        let tally = tallies.find(|(_, tally)| tally.name == cohort.hypothesis);
        let Some((index, tally)) = tally else { return };
        match &self.voice {
            Voice::Bars(bars) => {
                bars.hypotheses[index].set_position(tally.done as u64);
                bars.hypotheses[index].set_message(self.pace(tally));
            }
            Voice::Lines { .. } if last => self.line(&self.ended(tally)),
            Voice::Lines { .. } => {}
            Voice::Json => {
                Event::Cohort {
                    hypothesis: &cohort.hypothesis,
                    arm: &cohort.arm,
                    trials: cohort.members.len(),
                    finished,
                    done: self.tallies.all.done,
                    of: self.tallies.all.trials,
                }
                .print();
                if last {
                    Event::Hypothesis {
                        hypothesis: &tally.name,
                        trials: tally.trials,
                        failed: tally.failed,
                        seconds: tally.seconds,
                        trials_per_second: self.tallies.rate(tally),
                    }
                    .print();
                }
            }
        }
        self.tick();
    }

    /// A worker has ended, or been let go, this long after it was ready.
    pub fn worker_ended(&mut self, after: Duration) {
        self.worker_seconds += after.as_secs_f64();
    }

    /// Something that a reader should know.
    pub fn note(&self, text: &str) {
        match &self.voice {
            // A terminal that is gone has no reader.
            Voice::Bars(bars) => _ = bars.all.println(text),
            Voice::Lines { .. } => tell!("{text}"),
            Voice::Json => Event::Note { text }.print(),
        }
    }

    /// Takes the bars away; says what there was.
    pub fn end(&self) -> End {
        if let Voice::Bars(bars) = &self.voice {
            // As with a note.
            let _ = bars.all.clear();
        }
        End {
            trials: self.tallies.all.done,
            failed: self.tallies.all.failed,
            seconds: self.tallies.elapsed().as_secs_f64(),
            worker_seconds: self.worker_seconds,
            lab_seconds: self.lab_seconds,
            next: String::new(),
        }
    }

    fn line(&self, text: &str) {
        let all = &self.tallies.all;
        let elapsed = duration(self.tallies.elapsed().as_secs_f64());
        let (done, trials, left) = (all.done, all.trials, left(&self.tallies));
        tell!("[{done}/{trials} trials, {elapsed}] {text}; {left}");
    }

    /// `core 16/64 (2.1/s, about 20 s left)`.
    fn going(&self, tally: &Tally) -> String {
        let Tally {
            name, done, trials, ..
        } = tally;
        match self.pace(tally) {
            pace if pace.is_empty() => format!("{name} {done}/{trials}"),
            pace => format!("{name} {done}/{trials} ({pace})"),
        }
    }

    /// `core: 64 trials, 2 failed (2.1/s)`.
    fn ended(&self, tally: &Tally) -> String {
        let failed = match tally.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let rate = self.tallies.rate(tally);
        let rate = rate.map(|rate| format!(" ({rate:.1}/s)"));
        let Tally { name, trials, .. } = tally;
        format!(
            "{name}: {trials} trials{failed}{}",
            rate.unwrap_or_default()
        )
    }

    /// `2.1/s, about 20 s left`, as far as it is known.
    fn pace(&self, tally: &Tally) -> String {
        let rate = self.tallies.rate(tally);
        let rate = rate.map(|rate| format!("{rate:.1}/s"));
        let left = self.tallies.left(tally);
        let left = left.map(|left| format!("about {} left", duration(left)));
        rate.into_iter().chain(left).collect::<Vec<_>>().join(", ")
    }
}

impl Bars {
    fn new(tallies: &Tallies) -> Self {
        let all = MultiProgress::new();
        let names = tallies.hypotheses.iter().map(|tally| tally.name.len());
        let width = names.max().unwrap_or_default();
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        let bar = |tally: &Tally| {
            let bar = all.add(ProgressBar::new(tally.trials as u64));
            bar.set_style(style("{prefix} {bar:30} {pos}/{len} trials {msg}"));
            bar.set_prefix(format!("{:width$}", tally.name));
            bar
        };
        let hypotheses = tallies.hypotheses.iter().map(bar).collect();
        let workers = all.add(ProgressBar::new_spinner());
        workers.set_style(style("{elapsed} so far; {msg}"));
        workers.set_message(left(tallies));
        workers.enable_steady_tick(Duration::from_millis(250));
        Self {
            all,
            hypotheses,
            workers,
            steps: Vec::new(),
        }
    }
}

fn left(tallies: &Tallies) -> String {
    match tallies.left(&tallies.all) {
        Some(left) => format!("about {} left", duration(left)),
        None => format!("about {} in all", duration(tallies.expected())),
    }
}
