//! What is to be submitted: a run, and what is left of it.

use std::path::{Path, PathBuf};

use picklock_record::{Manifest, Plan, Registration};

use crate::profile::Profile;

/// A run that is to be submitted, and what is left of it.
pub struct Submission<'a> {
    /// The run's folder, as all nodes have it.
    pub run: &'a Path,
    /// What the run is.
    pub manifest: &'a Manifest,
    /// Every pre-registration that there is.
    pub registrations: &'a [Registration],
    /// Hypotheses whose plugins are admitted, and their files.
    pub plugins: &'a [(String, PathBuf)],
    /// What is left to run.
    pub plan: &'a Plan,
    /// Seconds that it takes one task.
    pub seconds: f64,
    /// What is to be said beside the plan, a line each.
    pub notes: &'a [String],
    /// The organism as it was asked for: a preset's name, or a path.
    pub organism: &'a str,
    /// Worker processes of a task.
    pub workers: usize,
    /// The folder of trained models.
    pub cache: &'a Path,
    /// What jobs here need.
    pub profile: &'a Profile,
    /// Into how many tasks it is cut, where somebody says.
    pub array_size: Option<u32>,
    /// Whether failed trials are run again.
    pub retry_failed: bool,
    /// Whether the script is only looked at.
    pub dry_run: bool,
}
