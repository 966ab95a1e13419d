//! Slurm's commands as far as picklock uses them: what they are told is written down, what they
//! answer stands in files. A real Slurm is `tests/slurm/cluster.sh`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::{Done, Place};

/// Numbers jobs from 11; refuses with what stands in `refusal`.
const SBATCH: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
[ "$1" = --version ] && { echo 'slurm-wlm 22.05'; exit; }
echo "$@" >> submitted
[ -s refusal ] && { cat refusal >&2; exit 1; }
echo $((10 + $(wc -l < submitted)))
"#;

/// Answers with what stands in the file that is named like it.
const ANSWER: &str = r#"#!/bin/sh
cat "$0.answer"
"#;

/// A folder with fake commands, which a place's picklock finds before any others.
pub struct FakeSlurm<'a> {
    place: &'a Place,
}

impl<'a> FakeSlurm<'a> {
    /// One with an empty queue.
    ///
    /// # Panics
    /// Where it can't be written.
    pub fn new(place: &'a Place) -> Self {
        std::fs::create_dir_all(place.path("bin")).expect("a writable place");
        let slurm = Self { place };
        for (name, script) in [
            ("sbatch", SBATCH),
            ("squeue", ANSWER),
            ("sinfo", ANSWER),
            ("scontrol", ANSWER),
        ] {
            place.write(&format!("bin/{name}"), script);
            let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            let path = place.path("bin").join(name);
            std::fs::set_permissions(path, executable).expect("a file of ours");
            slurm.answers(name, "");
        }
        slurm
    }

    /// From now on a command answers so.
    pub fn answers(&self, command: &str, answer: &str) {
        self.place.write(&format!("bin/{command}.answer"), answer);
    }

    /// From now on `sbatch` refuses in these words.
    pub fn refuses(&self, words: &str) {
        self.place.write("bin/refusal", words);
    }

    /// What `sbatch` was told, a line each time.
    pub fn submitted(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.place.path("bin/submitted"));
        text.unwrap_or_default().lines().map(String::from).collect()
    }

    /// `picklock ARGUMENTS`, which finds these commands first.
    pub fn picklock(&self, arguments: &[&str]) -> Done {
        self.place
            .picklock_with(&[("PATH", &self.path())], arguments)
    }

    /// `picklock submit --slurm --no-build ARGUMENTS`.
    pub fn submit(&self, arguments: &[&str]) -> Done {
        let submit = ["submit", "--slurm", "--no-build"];
        self.picklock(&[&submit[..], arguments].concat())
    }

    /// A task of the script in a run's folder, as Slurm would start it: its output goes to its log.
    ///
    /// # Panics
    /// Where its log can't be written.
    pub fn task(&self, run: &str, job: u64, task: u32) -> Command {
        let log = self.place.here(&format!("{run}/slurm/{job}_{task}.log"));
        let log = std::fs::File::options().create(true).append(true).open(log);
        let log = log.expect("a run that was submitted");
        let mut command = self.place.command(&PathBuf::from("bash"));
        command
            .arg(self.place.here(&format!("{run}/slurm/tasks.sh")))
            .env("PATH", self.path())
            .env("SLURM_JOB_ID", (job * 100).to_string())
            .env("SLURM_ARRAY_JOB_ID", job.to_string())
            .env("SLURM_ARRAY_TASK_ID", task.to_string())
            .stderr(log.try_clone().expect("a file of ours"))
            .stdout(Stdio::from(log));
        command
    }

    fn path(&self) -> String {
        let path = std::env::var("PATH").unwrap_or_default();
        format!("{}:{path}", self.place.path("bin").display())
    }
}
