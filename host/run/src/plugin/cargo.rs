//! Building the workspace's plugins.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use picklock_message::{Error, Result};
use picklock_process::{ChildError, output_with_stderr};

/// Builds the plugins of these hypotheses that the workspace has; gives their names and files.
/// Cargo's own progress and errors go to the terminal.
///
/// # Errors
/// Where cargo isn't there, or a plugin doesn't build.
pub fn build(workspace: &Path, names: &[String]) -> Result<Vec<(String, PathBuf)>> {
    let ours = |name: &&String| {
        let source = workspace.join("plugins").join(name);
        source.join("Cargo.toml").is_file()
    };
    let names: Vec<&String> = names.iter().filter(ours).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let packages = names
        .iter()
        .flat_map(|name| ["-p".to_string(), format!("picklock-{name}")]);
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
        .args(packages)
        .current_dir(workspace);
    let built = output_with_stderr(&mut command, Stdio::inherit(), Duration::MAX);
    let lines = built.map_err(|error| {
        Error::Usage(match error {
            ChildError::Start(error) => {
                format!("can't run cargo: {error}; install Rust, or give --no-build")
            }
            _ => "a plugin doesn't build; mend it, or leave it out".into(),
        })
    })?;
    let artifacts: Vec<serde_json::Value> = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let file = |name: &&String| {
        let library = format!("picklock_{}", name.replace('-', "_"));
        let mut artifacts = artifacts.iter();
        let artifact = artifacts.find(|artifact| artifact["target"]["name"] == library)?;
        let files = artifact["filenames"].as_array()?.iter();
        let mut files = files.filter_map(|file| file.as_str()).map(PathBuf::from);
        let file = files.find(|file| file.extension().is_some_and(|kind| kind == "so"))?;
        Some(((*name).clone(), file))
    };
    Ok(names.iter().filter_map(file).collect())
}
