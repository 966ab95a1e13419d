//! The batch scripts: for people to read, and to submit by hand.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use picklock_message::shell;

use crate::job::{FOLDER, RunArguments, ranges};
use crate::profile::Profile;

/// This picklock's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the scripts of a run say. Paths are absolute.
pub struct Scripts<'a> {
    /// The run's folder.
    pub run: &'a Path,
    /// Where commands are given.
    pub here: &'a Path,
    /// picklock as the nodes find it.
    pub picklock: &'a Path,
    /// The folders that picklock's variables name, by variable.
    pub folders: &'a [(&'static str, PathBuf)],
    /// The folder with the plugins and pre-registrations of the run.
    pub pinned: &'a Path,
    /// What is run.
    pub arguments: &'a RunArguments,
    /// What jobs here need.
    pub profile: &'a Profile,
}

impl Scripts<'_> {
    /// The array's: these tasks, of so many in all.
    pub fn tasks(&self, tasks: &[u32], of: u32) -> String {
        let running = self.profile.max_running.map(|most| format!("%{most}"));
        let array = ranges(tasks) + &running.unwrap_or_default();
        let mut options = self.options("", "%A_%a.log");
        options.extend([
            format!("--array={array}"),
            format!("--cpus-per-task={}", self.arguments.workers),
            "--requeue".to_string(),
            "--signal=B:USR1@60".to_string(),
        ]);
        options.extend(option("partition", self.profile.partition.as_ref()));
        options.extend(option("gres", self.profile.gres.as_ref()));
        options.extend(self.others());
        let run = self.run.display();
        let about = format!(
            "# One of {of} parts of the run in {run} for each task.\n\
             # By hand: sbatch THIS_FILE. What is done already is not run again."
        );
        let command = self.command(of);
        format!(
            "{}\n\
             {command} &\n\
             work=$!\n\
             \n\
             # Preempted or cancelled. picklock drops the trials in flight and ends within seconds; Slurm itself\n\
             # starts a preempted task again, which goes on where it stopped.\n\
             trap 'kill -TERM $work' TERM\n\
             # The time limit is a minute away: to the end of the queue. Not for ever: a trial that takes longer\n\
             # than the limit would never end.\n\
             again=no\n\
             trap 'again=yes; kill -TERM $work' USR1\n\
             # A signal interrupts `wait`, which is why it is called again.\n\
             while kill -0 $work 2>/dev/null; do wait $work; done\n\
             wait $work\n\
             code=$?\n\
             if [ $again = yes ] && [ $code -ge 128 ] && [ \"${{SLURM_RESTART_COUNT:-0}}\" -lt 20 ]; then\n    \
                 exec scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID\"\n\
             fi\n\
             exit $code\n",
            self.beginning(&about, &options)
        )
    }

    /// The one of the job that reports.
    pub fn report(&self) -> String {
        let mut options = self.options("-report", "report-%j.log");
        if self.profile.report_partition.is_none() {
            // Elsewhere they need not make sense.
            options.extend(self.others());
        }
        options.extend(option("partition", self.profile.partition_of_report()));
        let about = format!("# Reports on the run in {}.", self.run.display());
        let run = shell::path(self.run);
        format!(
            "{}\nexec \"$picklock\" report {run}\n",
            self.beginning(&about, &options)
        )
    }

    /// The user's own, with values in quotes where they need them and have none.
    fn others(&self) -> impl Iterator<Item = String> {
        self.profile
            .sbatch
            .iter()
            .map(|one| match one.split_once('=') {
                Some((name, value)) if !value.starts_with(['"', '\'']) => {
                    format!("{name}={}", in_option(value))
                }
                _ => one.clone(),
            })
    }

    /// The options of all jobs.
    fn options(&self, suffix: &str, log: &str) -> Vec<String> {
        let name = self.run.file_name().unwrap_or_default().display();
        let text = |path: &Path| path.display().to_string();
        // A percent sign is Slurm's.
        let log = text(&self.run.join(FOLDER)).replace('%', "%%") + "/" + log;
        let value = |name: &str, value: &str| format!("--{name}={}", in_option(value));
        let mut options = vec![
            value("job-name", &format!("picklock-{name}{suffix}")),
            value("chdir", &text(self.here)),
            value("output", &log),
            "--open-mode=append".to_string(),
        ];
        options.extend(option("account", self.profile.account.as_ref()));
        options.extend(option("time", self.profile.time.as_ref()));
        options
    }

    /// The head of a script, to where picklock is found.
    fn beginning(&self, about: &str, options: &[String]) -> String {
        let modules = &self.profile.modules;
        let mut text = format!("#!/bin/bash\n{about}\n# Written by picklock {VERSION}.\n");
        for option in options {
            // Writing to a string can't fail.
            let _ = writeln!(text, "#SBATCH {option}");
        }
        text.push('\n');
        for (name, folder) in self.folders {
            let _ = writeln!(text, "export {name}={}", shell::path(folder));
        }
        if !modules.is_empty() {
            let modules: Vec<String> = modules.iter().map(|module| shell::word(module)).collect();
            let _ = writeln!(text, "module load {}", modules.join(" "));
        }
        for line in &self.profile.environment {
            let _ = writeln!(text, "{line}");
        }
        let _ = write!(text, "\npicklock={}\n", shell::path(self.picklock));
        text
    }

    /// The command that a task runs.
    fn command(&self, of: u32) -> String {
        let RunArguments {
            hypotheses,
            organism,
            seeds,
            draws,
            root_seed,
            width,
            workers,
        } = self.arguments;
        let names: Vec<String> = hypotheses.iter().map(|name| shell::word(name)).collect();
        let devices = if self.profile.has_gpu() {
            "--devices slurm".to_string()
        } else {
            format!("--devices cpu --workers {workers}")
        };
        format!(
            "\"$picklock\" run {} --organism {} --seeds {seeds} --draws {draws} --root-seed {root_seed} --width {width} \\\n    \
             {devices} --plugins {} --no-build \\\n    \
             --out {} --shard \"$SLURM_ARRAY_TASK_ID/{of}\" --submitted-by {VERSION}",
            names.join(" "),
            shell::word(organism),
            shell::path(self.pinned),
            shell::path(self.run),
        )
    }
}

/// `--name=value`, where there is a value.
fn option(name: &str, value: Option<&String>) -> Option<String> {
    value.map(|value| format!("--{name}={}", in_option(value)))
}

/// Whether sbatch takes it as it is.
fn plain(text: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || "_./=:,%+@-".contains(c);
    !text.is_empty() && text.chars().all(fine)
}

/// As sbatch reads it behind `#SBATCH`.
fn in_option(text: &str) -> String {
    if plain(text) {
        return text.to_string();
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_values_of_options_are_quoted() {
        assert_eq!(in_option("gpu:1"), "gpu:1");
        assert_eq!(in_option(r#"a "b""#), r#""a \"b\"""#);
    }
}
