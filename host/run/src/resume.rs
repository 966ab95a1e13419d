//! Resuming a run: the same run, perhaps with more seeds.

use std::collections::BTreeSet;
use std::path::Path;

use picklock_message::{Error, Result};
use picklock_record::{Manifest, Organism, Registration};

/// Makes `manifest` that of the run in the folder `path`, perhaps with more seeds.
///
/// # Errors
/// Where the folder belongs to another run: which, and what to do.
pub fn resume(
    path: &Path,
    manifest: &mut Manifest,
    chosen: &[Registration],
    all: &[Registration],
) -> Result<()> {
    let old = Manifest::read(path)?;
    let other = |what: &str, old: String, new: String| {
        let problem = format!(
            "belongs to {what} {old}, this is {new}; choose another folder with --out, or --fresh to move it aside"
        );
        Err(Error::file(path, problem))
    };
    if old.organism.name != manifest.organism.name {
        let name = manifest.organism.name.clone();
        return other("organism", old.organism.name, name);
    }
    if old.organism != manifest.organism {
        let key = changed_key(&old.organism, &manifest.organism);
        let changed = format!("a changed one ({key})");
        let what = "an earlier version of organism";
        return other(what, old.organism.name, changed);
    }
    let names = chosen.iter().map(|registration| registration.name.clone());
    let (judged, names) = (old.judged(), names.collect::<Vec<_>>());
    if judged != names {
        return other("hypotheses", judged.join(", "), names.join(", "));
    }
    for hypothesis in &old.hypotheses {
        let mut now = all.iter().filter(|known| known.name == hypothesis.name);
        if now.next().and_then(|now| now.hash.as_ref()) != Some(&hypothesis.registration) {
            let problem = format!(
                "hypotheses/{}.toml has changed since this run began; undo that, choose another folder with --out, or --fresh to move it aside",
                hypothesis.name
            );
            return Err(Error::file(path, problem));
        }
    }
    let numeric = |run: &Manifest| run.environment.numeric();
    if numeric(&old) != numeric(manifest) {
        return other("environment", numeric(&old), numeric(manifest));
    }
    let seeds = |run: &Manifest| format!("root seed {} with {} draws", run.root_seed, run.draws);
    if seeds(&old) != seeds(manifest) {
        return other("a run of", seeds(&old), seeds(manifest));
    }
    manifest.geometry = old.geometry;
    manifest.planned_seeds = old.planned_seeds;
    manifest.seeds = manifest.seeds.max(old.seeds);
    manifest.git = old.git;
    manifest.picklock = old.picklock;
    manifest.hypotheses = old.hypotheses;
    Ok(())
}

/// The first key in which two organisms differ, with both values.
fn changed_key(old: &Organism, new: &Organism) -> String {
    let value = |organism| serde_json::to_value(organism).unwrap_or_default();
    let (mut old, mut new) = (value(old), value(new));
    let mut key = String::new();
    loop {
        let (Some(mine), Some(other)) = (new.as_object(), old.as_object()) else {
            return format!("{key} is {new}, was {old}");
        };
        let names: BTreeSet<&String> = mine.keys().chain(other.keys()).collect();
        let differs = |name: &&String| mine.get(*name) != other.get(*name);
        let Some(name) = names.into_iter().find(differs).cloned() else {
            return key;
        };
        let dot = if key.is_empty() { "" } else { "." };
        key = format!("{key}{dot}{name}");
        (old, new) = (old[&name].clone(), new[&name].clone());
    }
}
