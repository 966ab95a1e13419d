//! Faults on purpose, for tests: `PICKLOCK_FAULT` says which. Without it nothing here does anything.
//!
//! - `kill:N:FOLDER` ends the process at the Nth journal operation of the whole run, and with a
//!   worker its supervisor. The run's processes count together: each operation takes the next free
//!   number by making a file of that name in `FOLDER`.
//! - `memory:W` lets stacks wider than W members run out of memory.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Signal, getpid, getppid, kill_process};

enum Fault {
    Kill { at: usize, folder: PathBuf },
    Memory { width: usize },
}

static FAULT: LazyLock<Option<Fault>> = LazyLock::new(|| {
    let text = std::env::var("PICKLOCK_FAULT").ok()?;
    let (kind, rest) = text.split_once(':')?;
    match kind {
        "kill" => {
            let (at, folder) = rest.split_once(':')?;
            Some(Fault::Kill {
                at: at.parse().ok()?,
                folder: folder.into(),
            })
        }
        "memory" => Some(Fault::Memory {
            width: rest.parse().ok()?,
        }),
        _ => None,
    }
});

/// Numbers below this are taken.
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// A journal operation on the file at `path` that is about to begin, or has just ended.
pub fn point(operation: &str, path: &Path) {
    let Some(Fault::Kill { at, folder }) = FAULT.as_ref() else {
        return;
    };
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let Ok(mut file) = File::create_new(folder.join(number.to_string())) else {
            if folder.is_dir() {
                continue;
            }
            return;
        };
        // The test that reads it notices where it is not there.
        let _ = write!(file, "{operation} {}", path.display());
        if number == *at {
            die();
        }
        return;
    }
}

/// Ends this process, and with a worker its supervisor, as pulling the plug would.
fn die() {
    let worker = std::env::args().nth(1).is_some_and(|role| role == "worker");
    if worker && let Some(supervisor) = getppid() {
        let _ = kill_process(supervisor, Signal::KILL);
    }
    let _ = kill_process(getpid(), Signal::KILL);
}

/// Whether a stack of this many members is to run out of memory.
pub fn out_of_memory(width: usize) -> bool {
    matches!(FAULT.as_ref(), Some(Fault::Memory { width: most }) if width > *most)
}
