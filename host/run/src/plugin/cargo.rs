//! Building the workspace's plugins.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use picklock_message::{Error, Result};

/// Builds the plugins of these hypotheses that the workspace has; gives their names and files.
/// Cargo's own progress and errors go to the terminal.
///
/// # Errors
/// Where cargo isn't there, or a plugin doesn't build.
pub fn build(workspace: &Path, names: &[String]) -> Result<Vec<(String, PathBuf)>> {
    let ours = |name: &&String| {
        workspace
            .join("plugins")
            .join(name)
            .join("Cargo.toml")
            .is_file()
    };
    let names: Vec<&String> = names.iter().filter(ours).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut command = Command::new("cargo");
    command
        // Built together with the host, whose features they share, a plugin comes out the same as
        // in a build of the whole workspace: its trials stay valid, and nothing is built twice.
        .args([
            "build",
            "--quiet",
            "--message-format=json-render-diagnostics",
            "-p",
            "picklock",
        ])
        .args(
            names
                .iter()
                .flat_map(|name| ["-p".to_string(), format!("picklock-{name}")]),
        )
        .current_dir(workspace)
        .stderr(Stdio::inherit());
    let output = command.output().map_err(|error| {
        Error::Usage(format!(
            "can't run cargo: {error}; install Rust, or give --no-build"
        ))
    })?;
    if !output.status.success() {
        return Err(Error::Usage(
            "a plugin doesn't build; mend it, or leave it out".into(),
        ));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    let artifacts = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let artifacts: Vec<serde_json::Value> = artifacts.collect();
    let file = |name: &&String| {
        let library = format!("picklock_{}", name.replace('-', "_"));
        let artifact = artifacts
            .iter()
            .find(|artifact| artifact["target"]["name"] == library)?;
        let files = artifact["filenames"]
            .as_array()?
            .iter()
            .filter_map(|file| file.as_str());
        let file = files
            .map(PathBuf::from)
            .find(|file| file.extension().is_some_and(|e| e == "so"));
        Some(((*name).clone(), file?))
    };
    Ok(names.iter().filter_map(file).collect())
}
