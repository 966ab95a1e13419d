//! Loading a checked plugin: the bytes that were checked, from a private copy.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use abi_stable::library::{LibraryError, lib_header_from_path};
use picklock_lab::Cache;
use picklock_message::{Error, Result};
use picklock_record::PluginFile;
use picklock_sdk::abi::{HypothesisBox, PluginModule_Ref};

/// Loads a plugin into this process, for ever. Its file must have been checked before.
///
/// # Errors
/// Where the private copy can't be written, or the library's interface differs from this picklock's.
pub fn load(file: &PluginFile, cache: &Cache) -> Result<HypothesisBox> {
    let folder = cache.folder("plugins")?;
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&folder, private).map_err(Error::io(&folder, "make private"))?;
    let copy = folder.join(format!("{}.so", file.hash));
    // An existing copy is written again all the same: only these bytes were checked.
    picklock_files::write_atomically(&copy, &file.bytes)?;
    let module = module(&copy).map_err(|problem| Error::Plugin {
        name: file.name.clone(),
        problem,
    })?;
    let hypothesis = module.hypothesis();
    Ok(hypothesis())
}

fn module(path: &Path) -> std::result::Result<PluginModule_Ref, String> {
    let library = lib_header_from_path(path).map_err(|error| short(&error))?;
    library
        .init_root_module::<PluginModule_Ref>()
        .map_err(|error| short(&error))
}

/// The part of `abi_stable`'s message, which can have 68 KB, that says what is wrong.
fn short(error: &LibraryError) -> String {
    let what = match error {
        LibraryError::IncompatibleVersionNumber {
            expected_version,
            actual_version,
            ..
        } => format!("SDK {actual_version}, this picklock has {expected_version}"),
        other => {
            let message = other.to_string();
            let what = message.split("Error:").nth(1).unwrap_or(&message);
            let words: Vec<&str> = what.split_whitespace().take(40).collect();
            let what = words.join(" ");
            format!("its interface differs from this picklock's ({what})")
        }
    };
    format!("{what}; rebuild it")
}
