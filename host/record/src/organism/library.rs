//! Where organism files are found: by path, or by name among the presets.

use std::path::{Path, PathBuf};

use picklock_message::{Error, Result};

use super::spec::Organism;
use crate::plugins::{Root, Roots};

/// Finds an organism by preset name or by the path of its TOML file.
///
/// # Errors
/// Where there is no such preset or file, or it is no organism.
pub fn find(name: &str, roots: &Roots) -> Result<Organism> {
    let path = Path::new(name);
    if path.extension().is_some_and(|end| end == "toml") {
        return Organism::read(path);
    }
    if let Some(preset) = preset(name, roots) {
        return Organism::read(&preset);
    }
    if path.exists() {
        let problem = "expected an organism file, whose name ends in .toml";
        return Err(Error::file(path, problem));
    }
    let presets = presets(roots);
    let stems = presets.iter().filter_map(|preset| preset.file_stem());
    let mut known: Vec<String> = stems.map(|stem| stem.display().to_string()).collect();
    known.dedup();
    Err(Error::unknown("organism", name, known))
}

/// The file of the preset of this name.
pub fn preset(name: &str, roots: &Roots) -> Option<PathBuf> {
    let named = |preset: &PathBuf| preset.file_stem().is_some_and(|stem| stem == name);
    presets(roots).into_iter().find(named)
}

/// The preset files of all roots, the first root's first.
fn presets(roots: &Roots) -> Vec<PathBuf> {
    roots.files(Root::organisms, "toml")
}
