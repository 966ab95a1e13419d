//! Going on with an existing run: the same run, perhaps with more seeds, or none.

use std::collections::BTreeSet;
use std::path::Path;

use picklock_message::{Error, Result};
use picklock_record::{Manifest, Organism, Registration, RunHypothesis};

/// Takes over an existing run's plan: the same run, perhaps with more seeds.
///
/// # Errors
/// Where the folder belongs to another run: which, and what to do.
pub fn adopt(
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
        return other(
            "organism",
            old.organism.name,
            manifest.organism.name.clone(),
        );
    }
    if old.organism != manifest.organism {
        let name = &old.organism.name;
        let place = changed_key(&old.organism, &manifest.organism);
        return other(
            "an earlier version of organism",
            name.clone(),
            format!("a changed one ({place})"),
        );
    }
    let judged = |hypotheses: &[RunHypothesis]| -> Vec<String> {
        let judged = hypotheses.iter().filter(|hypothesis| hypothesis.judged);
        judged.map(|hypothesis| hypothesis.name.clone()).collect()
    };
    let names: Vec<String> = chosen
        .iter()
        .map(|registration| registration.name.clone())
        .collect();
    if judged(&old.hypotheses) != names {
        return other(
            "hypotheses",
            judged(&old.hypotheses).join(", "),
            names.join(", "),
        );
    }
    for hypothesis in &old.hypotheses {
        let now = all
            .iter()
            .find(|registration| registration.name == hypothesis.name);
        if now.and_then(|registration| registration.hash.as_ref()) != Some(&hypothesis.registration)
        {
            let problem = format!(
                "hypotheses/{}.toml has changed since this run began; undo that, choose another folder with --out, or --fresh to move it aside",
                hypothesis.name
            );
            return Err(Error::file(path, problem));
        }
    }
    if old.environment.numeric() != manifest.environment.numeric() {
        let (old, new) = (old.environment.numeric(), manifest.environment.numeric());
        return other("environment", old, new);
    }
    if (old.root_seed, old.draws) != (manifest.root_seed, manifest.draws) {
        let text = |root: u64, draws: u32| format!("root seed {root} with {draws} draws");
        let (old, new) = (
            text(old.root_seed, old.draws),
            text(manifest.root_seed, manifest.draws),
        );
        return other("a run of", old, new);
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
