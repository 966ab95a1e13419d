//! How far something long is, and whether it is to stop.

use std::cell::Cell;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::{Error, Result};

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(30);

/// Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

/// Progress by the number of weights that are written: a bar on a terminal, else a line now and then.
pub struct Watch {
    what: &'static str,
    total: u64,
    done: Cell<u64>,
    bar: Option<ProgressBar>,
    told: Cell<Instant>,
}

impl Watch {
    /// Begins; from here on Ctrl-C no longer ends the process, but makes [`Watch::add`] fail.
    pub fn new(what: &'static str, total: u64) -> Self {
        // A second handler can't be set; the first does the same.
        let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed));
        let watched = std::io::stderr().is_terminal() && std::env::var_os("CI").is_none();
        let bar = watched.then(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}");
            let bar = ProgressBar::new(total).with_message(what);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self {
            what,
            total,
            done: Cell::new(0),
            bar,
            told: Cell::new(Instant::now()),
        }
    }

    /// So many more weights are about to be written.
    ///
    /// # Errors
    /// After Ctrl-C.
    pub fn add(&self, weights: u64) -> Result<()> {
        if STOP.load(Ordering::Relaxed) {
            return Err(Error::Abandoned);
        }
        match &self.bar {
            Some(bar) => bar.set_position(self.done.get()),
            None if self.told.get().elapsed() >= EVERY => {
                self.told.set(Instant::now());
                let share = 100 * self.done.get() / self.total.max(1);
                tell!("{}: {share}%", self.what);
            }
            None => {}
        }
        self.done.set(self.done.get() + weights);
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
