//! Failed trials that are to be run again: their records are set aside, so that the journal lacks
//! them.

use std::path::Path;

use picklock_message::Result;

use crate::folder::RunFolder;
use crate::journal::{self, Manifest, Segment, Trial};
use crate::shard::Shard;
use crate::trial::Outcome;

/// Sets the records of all failed trials aside, where nobody is at work on the run; gives their number.
///
/// # Errors
/// Where somebody is, or the journal can't be read or written.
pub fn set_aside(run: &Path, manifest: &Manifest) -> Result<usize> {
    let folder = RunFolder::claim(run, false, None)?;
    set_failed_aside(&folder.path.join("journal"), manifest, None)
}

/// Sets the records of failed trials aside, of the shard where this is one; gives their number. A
/// segment that holds others too is written again with these first: nothing is lost, whenever the
/// process is killed.
///
/// # Errors
/// Where the journal can't be read or written.
pub fn set_failed_aside(
    journal: &Path,
    manifest: &Manifest,
    shard: Option<Shard>,
) -> Result<usize> {
    let mut count = 0;
    for path in journal::segments(journal)? {
        // A damaged one is dealt with where the run looks for what it lacks.
        let Ok(segment) = journal::read(&path)? else {
            continue;
        };
        let runs_again = |trial: &Trial| {
            matches!(trial.record.outcome, Outcome::Failed { .. })
                && shard.is_none_or(|shard| shard.takes(trial.record.member.seed, manifest))
        };
        let (again, stay): (Vec<Trial>, Vec<Trial>) =
            segment.trials.into_iter().partition(runs_again);
        if again.is_empty() {
            continue;
        }
        count += again.len();
        if !stay.is_empty() {
            let rest = Segment::new(&segment.hypothesis, &segment.arm, stay);
            journal::write(journal, &rest.with_notes(segment.notes))?;
        }
        journal::set_aside(&path, "superseded")?;
    }
    Ok(count)
}
