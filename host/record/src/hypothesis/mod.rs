//! Hypotheses: the pre-registration files, which say what is claimed and how it will be judged.

mod arm_ref;
mod contradictions;
mod references;
mod registration;
mod schema;
mod spot;
#[cfg(test)]
mod tests;

use picklock_message::{Error, Result};

use crate::plugins::Roots;

pub use arm_ref::{ArmRef, core_arms};
pub use registration::{Prediction, Registration};
/// The JSON Schema of pre-registration files, as `hypotheses/registration.schema.json` holds it. What
/// it says is a part of what [`Registration::read`] checks.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Registration);
    // A schema is JSON already: it can't fail to be written.
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

/// Every pre-registration file of the roots, sorted by name with `core` first; of two with one name
/// the first root's.
///
/// # Errors
/// Where a file can't be read, or contradicts itself or the others.
pub fn all(roots: &Roots) -> Result<Vec<Registration>> {
    let mut found: Vec<Registration> = Vec::new();
    for path in roots.files(crate::plugins::Root::hypotheses, "toml") {
        let registration = Registration::read(&path)?;
        if found.iter().all(|known| known.name != registration.name) {
            found.push(registration);
        }
    }
    found.sort_by(|a, b| (a.name != "core", &a.name).cmp(&(b.name != "core", &b.name)));
    for registration in &found {
        registration.check_references(&found)?;
    }
    Ok(found)
}

/// Those of `all` that are named; all of them where none is.
///
/// # Errors
/// Where a name is unknown.
pub fn select(all: &[Registration], names: &[String]) -> Result<Vec<Registration>> {
    for name in names {
        if !all.iter().any(|registration| registration.name == *name) {
            let known = all.iter().map(|registration| registration.name.clone());
            return Err(Error::unknown("hypothesis", name, known.collect()));
        }
    }
    if all.is_empty() {
        let problem = "no hypothesis files found; see --plugins";
        return Err(Error::Usage(problem.into()));
    }
    let chosen =
        |registration: &&Registration| names.is_empty() || names.contains(&registration.name);
    Ok(all.iter().filter(chosen).cloned().collect())
}
