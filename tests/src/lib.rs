//! What the end-to-end tests share: they drive the real binary with real plugins on an organism
//! of some hundred parameters, each in a place of its own. What is tested stands in `tests/`.

mod done;
mod fake_slurm;
mod page;
mod place;
mod plugin;
mod running;
mod sums;
mod table;

pub use done::Done;
pub use fake_slurm::FakeSlurm;
pub use page::{Page, Tag};
pub use place::{MICRO, Place};
pub use plugin::{built_faults, built_fixture, built_plugin, patched};
pub use running::{Running, children, has_ended, wait_for};
pub use sums::{LLAMA, SUMS, sums};
pub use table::{Row, Table, snapshot, tables};

use std::path::{Path, PathBuf};
use std::process::Command;

/// Arguments of the run that most tests look at: both hypotheses, 2 seeds, 2 draws.
pub const BOTH: [&str; 6] = ["core", "weight-noise", "--seeds", "2", "--draws", "2"];

/// The folder of this build's binaries: `target/debug`.
///
/// # Panics
/// Where the tests run from somewhere else than a build folder.
pub fn built() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("tests lie in target/debug/deps");
    folder.to_path_buf()
}

/// The workspace's root.
pub fn workspace() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("tests/ lies in the workspace")
        .to_path_buf()
}

/// A command that sees nothing of what cargo sets for tests, which would make builds differ.
pub fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let of_tests = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "NEXTEST",
            "PICKLOCK_",
            "LD_LIBRARY_PATH",
        ];
        if of_tests.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// Says why a test tests nothing here.
pub fn skipped(reason: &str) {
    println!("skipped: {reason}");
}
