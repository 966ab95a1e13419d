//! Writing a run's manifest, once, before the first trial; later shards join with the one that is
//! there.

use std::path::Path;

use picklock_message::{Error, Result};
use picklock_record::{Manifest, Registration, RunFolder, RunHypothesis, Shard};

use crate::resume::resume;

/// Writes manifest and pre-registrations down, or checks that a shard's agree with those that
/// another one has written; gives the manifest that counts.
///
/// # Errors
/// Where they don't agree: in what, and what to do.
pub fn write_or_join(
    folder: &RunFolder,
    manifest: Manifest,
    shard: Option<Shard>,
    chosen: &[Registration],
    all: &[Registration],
) -> Result<Manifest> {
    let run = &folder.path;
    let manifest = match shard {
        None => {
            manifest.write(run)?;
            manifest
        }
        Some(_) if manifest.write_first(run)? => manifest,
        Some(shard) => join(folder, manifest, shard, chosen, all)?,
    };
    let copies = run.join("hypotheses");
    std::fs::create_dir_all(&copies).map_err(Error::io(&copies, "make the folder"))?;
    for hypothesis in &manifest.hypotheses {
        if let Some(registration) = all.iter().find(|known| known.name == hypothesis.name) {
            let path = copies.join(format!("{}.toml", hypothesis.name));
            picklock_files::write_atomically(&path, registration.text.as_bytes())?;
        }
    }
    Ok(manifest)
}

/// Joins a run that has a manifest.
fn join(
    folder: &RunFolder,
    manifest: Manifest,
    shard: Shard,
    chosen: &[Registration],
    all: &[Registration],
) -> Result<Manifest> {
    let theirs = Manifest::read(&folder.path)?;
    let mut mine = manifest.clone();
    resume(&folder.path, &mut mine, chosen, all)?;
    mine.hypotheses = manifest.hypotheses;
    // The driver may be another one on another machine.
    mine.environment = theirs.environment.clone();
    let seeds = mine.seeds;
    mine.seeds = theirs.seeds;
    if mine != theirs {
        return Err(differs(&folder.path, &mine, &theirs, shard));
    }
    if seeds == theirs.seeds {
        return Ok(theirs);
    }
    if !folder.alone {
        let problem = format!(
            "the other shards run {} seeds, this one {seeds}; wait for them, or give the same --seeds",
            theirs.seeds
        );
        return Err(Error::file(&folder.path, problem));
    }
    mine.seeds = seeds;
    mine.write(&folder.path)?;
    Ok(mine)
}

fn differs(run: &Path, mine: &Manifest, theirs: &Manifest, shard: Shard) -> Error {
    let mut pairs = mine.hypotheses.iter().zip(&theirs.hypotheses);
    let other = pairs.find(|(mine, theirs)| mine != theirs);
    let problem = match other {
        Some((
            RunHypothesis {
                refused: Some(reason),
                ..
            },
            _,
        )) => {
            return Error::Usage(reason.clone());
        }
        Some((mine, _)) => format!(
            "began with another plugin {} than shard {shard} has; give all shards the same one, \
             or give the command without --shard, which takes this one",
            mine.name
        ),
        None => format!("began otherwise than shard {shard}; give all shards the same command"),
    };
    Error::file(run, problem)
}
