//! How far something long is, what is left of it, and whether it is to stop.

use std::cell::Cell;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use rustix::process::{Signal, getpid, kill_process};

use crate::error::{Error, Result};
use crate::quantity::duration;
use crate::tell;

/// When the first line is written where there is no terminal.
const FIRST: Duration = Duration::from_secs(3);

/// How often one is written after that.
const EVERY: Duration = Duration::from_secs(30);

/// Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

/// Progress in weights, steps or whatever it is counted in: a bar on a terminal, else a line now and
/// then.
pub struct Watch {
    what: String,
    total: u64,
    done: Cell<u64>,
    bar: Option<ProgressBar>,
    started: Instant,
    next: Cell<Duration>,
}

impl Watch {
    /// Begins; from here on Ctrl-C no longer ends the process, but makes [`Watch::add`] and
    /// [`Watch::reach`] fail. A second one ends it.
    pub fn new(what: impl Into<String>, total: u64) -> Self {
        // A second handler can't be set; the first does the same.
        let _ = ctrlc::set_handler(stop);
        let what = what.into();
        let watched = std::io::stderr().is_terminal() && std::env::var_os("CI").is_none();
        let bar = watched.then(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}");
            let bar = ProgressBar::new(total).with_message(what.clone());
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self {
            what,
            total,
            done: Cell::new(0),
            bar,
            started: Instant::now(),
            next: Cell::new(FIRST),
        }
    }

    /// What is watched.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// So many more are about to be done.
    ///
    /// # Errors
    /// After Ctrl-C.
    pub fn add(&self, more: u64) -> Result<()> {
        self.reach(self.done.get())?;
        self.done.set(self.done.get() + more);
        Ok(())
    }

    /// So many are done.
    ///
    /// # Errors
    /// After Ctrl-C.
    pub fn reach(&self, done: u64) -> Result<()> {
        if is_stopped() {
            return Err(Error::Abandoned);
        }
        self.done.set(done);
        let elapsed = self.started.elapsed();
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None if elapsed >= self.next.get() => {
                self.next.set(elapsed + EVERY);
                tell!("{}: {}", self.what, self.so_far(elapsed));
            }
            None => {}
        }
        Ok(())
    }

    /// `40%, about 12 s left`.
    fn so_far(&self, elapsed: Duration) -> String {
        let (done, total) = (self.done.get(), self.total.max(1));
        let share = 100 * done / total;
        match done {
            0 => format!("{share}%"),
            done => {
                let left = total.saturating_sub(done) as f64 / done as f64;
                let left = duration(elapsed.as_secs_f64() * left);
                format!("{share}%, about {left} left")
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Whether Ctrl-C was pressed since something is watched.
pub fn is_stopped() -> bool {
    STOP.load(Ordering::Relaxed)
}

fn stop() {
    if STOP.swap(true, Ordering::Relaxed) {
        // At once, and without destructors: libtorch's would run beside the thread that uses it.
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_what_is_done() {
        let watch = Watch::new("locking", 600);
        assert_eq!(watch.so_far(Duration::from_secs(1)), "0%");
        watch.reach(150).unwrap();
        let text = watch.so_far(Duration::from_secs(10));
        assert_eq!(text, "25%, about 30 s left");
        watch.add(450).unwrap();
        assert_eq!(
            watch.so_far(Duration::from_secs(40)),
            "100%, about 0 s left"
        );
    }
}
