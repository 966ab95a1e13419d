//! Slurm's own commands, and what they say when they refuse.

use std::process::{Command, Stdio};

use picklock_message::{Error, Result};

/// Runs one of Slurm's commands and gives its stdout.
///
/// # Errors
/// Where it isn't there, or refuses: its own words, in one line.
pub fn ask(program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let elsewhere = match program {
        "sbatch" => "; --dry-run prints the script anywhere",
        _ => "",
    };
    let output = output.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::Usage(format!(
            "no {program} on the PATH; this is for a login node of a Slurm cluster{elsewhere}"
        )),
        _ => Error::Usage(format!("{program}: can't start: {error}")),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Error::Usage(format!(
        "{program}: {}",
        in_one_line(program, &said)
    )))
}

/// Submits a batch script; gives the job's id.
///
/// # Errors
/// Where Slurm refuses it: its words, and where they are about the partition, which there are.
pub fn sbatch(arguments: &[&str], partition: Option<&str>) -> Result<u64> {
    let arguments = [&["--parsable"], arguments].concat();
    let said = ask("sbatch", &arguments).map_err(|error| named(error, partition))?;
    // With several clusters it is `12;name`.
    let id = said.trim().split(';').next().unwrap_or_default();
    let problem = || {
        Error::Usage(format!(
            "sbatch: expected a job's id, got `{}`",
            said.trim()
        ))
    };
    id.parse().map_err(|_| problem())
}

/// The most tasks that an array may have here, where the cluster says so: ids are below
/// `MaxArraySize`, and ours begin at 1.
pub fn largest_array() -> Option<u32> {
    let said = ask("scontrol", &["show", "config"]).ok()?;
    let line = said.lines().find(|line| line.starts_with("MaxArraySize"))?;
    let size: u32 = line.split_once('=')?.1.trim().parse().ok()?;
    Some(size.saturating_sub(1))
}

/// A refusal that is about the partition names those that there are.
fn named(error: Error, partition: Option<&str>) -> Error {
    let (text, Some(partition)) = (error.to_string(), partition) else {
        return error;
    };
    let known = ask("sinfo", &["--noheader", "--format=%R"]);
    let known: Vec<String> = known
        .unwrap_or_default()
        .lines()
        .map(str::to_string)
        .collect();
    let about = text.to_lowercase().contains("invalid partition");
    match about && !known.is_empty() && !known.iter().any(|name| name == partition) {
        true => Error::unknown("partition", partition, known),
        false => error,
    }
}

/// The first reason of several lines: the later ones say it again in general.
fn in_one_line(program: &str, said: &str) -> String {
    let plain = |line: &str| {
        let line = line.trim();
        let line = line.strip_prefix(&format!("{program}: ")).unwrap_or(line);
        let line = line.strip_prefix("error: ").unwrap_or(line);
        line.to_string()
    };
    let lines: Vec<String> = said
        .lines()
        .map(plain)
        .filter(|line| !line.is_empty())
        .collect();
    match lines.first() {
        Some(first) => first.clone(),
        None => "failed without a word".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slurms_words_become_one_line() {
        let said = "sbatch: error: invalid partition specified: nope\n\
                    sbatch: error: Batch job submission failed: Invalid partition name specified\n";
        let line = in_one_line("sbatch", said);
        assert_eq!(line, "invalid partition specified: nope");
        assert_eq!(in_one_line("sbatch", "\n"), "failed without a word");
    }
}
