//! The files that a submitted run is made of, copied into its folder: tasks that start hours later, on
//! nodes without cargo, run the plugins, pre-registrations and preset of the moment of submission.

use std::path::{Path, PathBuf};

use picklock_files::write_atomically;
use picklock_message::{Error, Result};
use picklock_record::{Organism, Root, TrustList, unchanged};

use crate::job::FOLDER;
use crate::submission::Submission;

/// Where it lies: a folder as `--plugins` takes it.
pub fn place(run: &Path) -> PathBuf {
    run.join(FOLDER).join("pinned")
}

/// Writes it, with the organism's file where that is a preset; what is there already stays. Its `plugins.lock` trusts what was admitted now.
///
/// # Errors
/// Where it can't be written, or a plugin has changed since it was admitted.
pub fn write(submission: &Submission, preset: Option<&Path>) -> Result<()> {
    let root = Root::at(&place(submission.run));
    for folder in [root.plugins(), root.hypotheses(), root.organisms()] {
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder, "make the folder"))?;
    }
    let manifest = submission.manifest;
    for registration in submission.registrations {
        if manifest.hypothesis(&registration.name).is_some() {
            let file = format!("{}.toml", registration.name);
            put(&root.hypotheses().join(file), registration.text.as_bytes())?;
        }
    }
    if let Some((preset, name)) = preset.and_then(|preset| Some((preset, preset.file_name()?))) {
        let text = std::fs::read(preset).map_err(Error::io(preset, "read"))?;
        let copy = root.organisms().join(name);
        put(&copy, &text)?;
        // One that names a checkpoint beside it isn't the same elsewhere.
        if Organism::read(&copy).ok().as_ref() != Some(&manifest.organism) {
            std::fs::remove_file(&copy).map_err(Error::io(&copy, "remove"))?;
        }
    }
    let mut trusted = TrustList::of(&root)?;
    for (name, path) in submission.plugins {
        if let Some(plugin) = manifest
            .hypothesis(name)
            .and_then(|run| run.plugin.as_ref())
        {
            let file = unchanged(path, &plugin.file)?;
            put(&root.plugin(name), &file.bytes)?;
            trusted.add(&file)?;
        }
    }
    Ok(())
}

fn put(path: &Path, contents: &[u8]) -> Result<()> {
    match std::fs::read(path) {
        Ok(there) if there == contents => Ok(()),
        _ => write_atomically(path, contents),
    }
}
