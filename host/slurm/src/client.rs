//! Slurm's own commands, and why they fail.

use std::io::ErrorKind;
use std::process::Command;
use std::time::Duration;

use picklock_message::{Error, Result};
use picklock_process::{ChildError, output};

/// How long a command may take. Slurm's own patience with its controller is shorter by default.
const LIMIT: Duration = Duration::from_mins(5);

/// Runs one of Slurm's commands and gives its stdout.
///
/// # Errors
/// Where it isn't there, or refuses: its own words, in one line.
pub fn ask(program: &str, arguments: &[&str]) -> Result<String> {
    output(Command::new(program).args(arguments), LIMIT).map_err(|error| {
        Error::Usage(match error {
            ChildError::Start(error) if error.kind() == ErrorKind::NotFound => {
                let elsewhere = match program {
                    "sbatch" => "; --dry-run prints the script anywhere",
                    _ => "",
                };
                format!("no {program} on the PATH; this is for a login node of a Slurm cluster{elsewhere}")
            }
            ChildError::Failed { stderr, .. } => {
                format!("{program}: {}", in_one_line(program, &stderr))
            }
            other => format!("{program}: {other}"),
        })
    })
}

/// Submits a batch script; gives the job's id.
///
/// # Errors
/// Where Slurm refuses it: its words, and where they are about the partition, which there are.
pub fn sbatch(arguments: &[&str], partition: Option<&String>) -> Result<u64> {
    let arguments = [&["--parsable"], arguments].concat();
    let answer = ask("sbatch", &arguments).map_err(|error| named(error, partition))?;
    let answer = answer.trim();
    // With several clusters it is `12;name`.
    let id = answer.split(';').next().unwrap_or_default();
    id.parse()
        .map_err(|_| Error::Usage(format!("sbatch: expected a job's id, got `{answer}`")))
}

/// The most tasks that an array may have here, where the cluster says so: ids are below
/// `MaxArraySize`, and ours begin at 1.
pub fn largest_array() -> Option<u32> {
    let config = ask("scontrol", &["show", "config"]).ok()?;
    let line = config
        .lines()
        .find(|line| line.starts_with("MaxArraySize"))?;
    let size: u32 = line.split_once('=')?.1.trim().parse().ok()?;
    Some(size.saturating_sub(1))
}

/// A refusal that is about the partition names those that there are.
fn named(error: Error, partition: Option<&String>) -> Error {
    let (text, Some(partition)) = (error.to_string(), partition) else {
        return error;
    };
    if !text.to_lowercase().contains("invalid partition") {
        return error;
    }
    let known = ask("sinfo", &["--noheader", "--format=%R"]).unwrap_or_default();
    let known: Vec<String> = known.lines().map(str::to_string).collect();
    if known.is_empty() || known.iter().any(|name| name == partition) {
        return error;
    }
    Error::unknown("partition", partition, known)
}

/// The first reason of several lines: the later ones say it again in general.
fn in_one_line<'a>(program: &str, stderr: &'a str) -> &'a str {
    let plain = |line: &'a str| {
        let line = line.trim();
        let line = line.strip_prefix(&format!("{program}: ")).unwrap_or(line);
        line.strip_prefix("error: ").unwrap_or(line)
    };
    let mut lines = stderr.lines().map(plain);
    lines
        .find(|line| !line.is_empty())
        .unwrap_or("failed without a word")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slurms_words_become_one_line() {
        let stderr = "sbatch: error: invalid partition specified: nope\n\
                    sbatch: error: Batch job submission failed: Invalid partition name specified\n";
        let line = in_one_line("sbatch", stderr);
        assert_eq!(line, "invalid partition specified: nope");
        assert_eq!(in_one_line("sbatch", "\n"), "failed without a word");
    }
}
