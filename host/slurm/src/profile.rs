//! The site's profile, `slurm.toml`: what every job on this cluster needs, so that no command has to
//! repeat it.

use std::path::PathBuf;

use picklock_files::toml_file;
use picklock_message::{Error, Result};
use serde::Deserialize;

/// `~/.config/picklock/slurm.toml`, version 1; flags come before it. All keys may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// The partition of the tasks.
    pub partition: Option<String>,
    /// The partition of the job that writes the report, which needs no GPU; the tasks' by default.
    pub report_partition: Option<String>,
    /// The account that pays.
    pub account: Option<String>,
    /// Generic resources of a task, as in `gpu:1`; with a GPU among them models run there.
    pub gres: Option<String>,
    /// GiB of memory of each of those GPUs, which the login node can't see: how many members a large
    /// model leaves room for.
    pub gpu_memory: Option<u32>,
    /// A task's time limit, as Slurm writes it. A task that reaches it goes on where it stopped.
    pub time: Option<String>,
    /// Tasks that run at the same time at most.
    pub max_running: Option<u32>,
    /// Modules that are loaded first, as in `cuda/13.0`.
    pub modules: Vec<String>,
    /// Lines of shell that come next.
    pub environment: Vec<String>,
    /// More arguments of `sbatch`, as in `--qos=low`.
    pub sbatch: Vec<String>,
    /// picklock as the nodes find it; the one that submits by default.
    pub picklock: Option<PathBuf>,
}

impl Profile {
    /// The user's, empty where there is none.
    ///
    /// # Errors
    /// Where it can't be read, or has an unknown or misshapen key: in which line.
    pub fn of_user() -> Result<Self> {
        let Some(path) = path().filter(|path| path.exists()) else {
            return Ok(Self::default());
        };
        let (profile, _) = toml_file::read::<Self>(&path)?;
        let checked = profile.check();
        checked.map_err(|problem| Error::file(&path, problem))?;
        Ok(profile)
    }

    /// The same with what the flags say instead.
    ///
    /// # Errors
    /// Where a flag says what a script can't hold.
    pub fn with(self, flags: Self) -> Result<Self> {
        // An empty flag takes away what the profile has.
        let either = |flag: Option<String>, ours: Option<String>| {
            flag.or(ours).filter(|value| !value.is_empty())
        };
        let profile = Self {
            partition: either(flags.partition, self.partition),
            report_partition: either(flags.report_partition, self.report_partition),
            account: either(flags.account, self.account),
            gres: either(flags.gres, self.gres),
            gpu_memory: flags.gpu_memory.or(self.gpu_memory),
            time: either(flags.time, self.time),
            max_running: flags.max_running.or(self.max_running),
            modules: [self.modules, flags.modules].concat(),
            environment: [self.environment, flags.environment].concat(),
            sbatch: [self.sbatch, flags.sbatch].concat(),
            picklock: flags.picklock.or(self.picklock),
        };
        profile.check().map_err(Error::Usage)?;
        Ok(profile)
    }

    /// The partition of the job that reports.
    pub(crate) fn partition_of_report(&self) -> Option<&String> {
        self.report_partition.as_ref().or(self.partition.as_ref())
    }

    /// Whether tasks have a GPU.
    pub fn has_gpu(&self) -> bool {
        let mut gres = self.gres.iter().flat_map(|gres| gres.split(','));
        gres.any(|one| ["gpu", "shard", "mps"].contains(&one.split(':').next().unwrap_or_default()))
    }

    fn check(&self) -> std::result::Result<(), String> {
        let partitions = [&self.partition, &self.report_partition];
        let words = [&self.account, &self.gres, &self.time].into_iter();
        let words = words.chain(partitions).flatten();
        for word in words.chain(&self.sbatch).chain(&self.modules) {
            if word.contains(['\n', '\r']) {
                return Err(format!("expected one line, got {word:?}"));
            }
        }
        for (key, number) in [
            ("gpu_memory", self.gpu_memory),
            ("max_running", self.max_running),
        ] {
            if number == Some(0) {
                return Err(format!("{key} is 0, expected at least 1"));
            }
        }
        // A name alone is looked for on the nodes' PATH, where a module may put it.
        let found = |path: &PathBuf| path.is_absolute() || path.components().count() == 1;
        if let Some(picklock) = self.picklock.as_ref().filter(|path| !found(path)) {
            let path = picklock.display();
            return Err(format!(
                "picklock is `{path}`, expected its whole path on the nodes, or a name on their PATH"
            ));
        }
        for argument in &self.sbatch {
            let name = argument.split(['=', ' ']).next().unwrap_or_default();
            if !name.starts_with('-') {
                return Err(format!(
                    "expected an argument of sbatch as in --qos=low, got `{argument}`"
                ));
            }
            if ["--array", "-a"].contains(&name) {
                return Err("the array is picklock's; see --array-size and --max-running".into());
            }
        }
        Ok(())
    }
}

/// Where the user's profile lies, or would.
fn path() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = set("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(set("HOME")?).join(".config")))?;
    Some(folder.join("picklock/slurm.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gres(gres: &str) -> Profile {
        Profile {
            gres: Some(gres.to_string()),
            ..Profile::default()
        }
    }

    #[test]
    fn flags_come_before_the_profile_and_empty_ones_take_away() {
        let ours = Profile {
            account: Some("lab".into()),
            sbatch: vec!["--qos=low".into()],
            ..gres("gpu:1")
        };
        let flags = Profile {
            sbatch: vec!["--nice".into()],
            ..gres("gpu:2")
        };
        let both = ours.clone().with(flags).unwrap();
        assert_eq!(both.gres.as_deref(), Some("gpu:2"));
        assert_eq!(both.account.as_deref(), Some("lab"));
        assert_eq!(both.sbatch, ["--qos=low", "--nice"]);
        assert_eq!(ours.with(gres("")).unwrap().gres, None);
    }

    #[test]
    fn a_gpu_is_seen_among_the_resources() {
        for gpu in ["gpu", "gpu:1", "gpu:a100:2", "lscratch:10,gpu:1", "shard:2"] {
            assert!(gres(gpu).has_gpu(), "{gpu}");
        }
        for none in ["lscratch:10", "gpus_of_old:1"] {
            assert!(!gres(none).has_gpu(), "{none}");
        }
    }

    #[test]
    fn what_no_task_could_run_with_is_refused() {
        let none = Profile::default;
        let zero = Some(0);
        for (wrong, told) in [
            (
                Profile {
                    max_running: zero,
                    ..none()
                },
                "max_running is 0, expected at least 1",
            ),
            (
                Profile {
                    gpu_memory: zero,
                    ..none()
                },
                "gpu_memory is 0, expected at least 1",
            ),
            (
                Profile {
                    picklock: Some("bin/picklock".into()),
                    ..none()
                },
                "picklock is `bin/picklock`, expected its whole path on the nodes, or a name on their PATH",
            ),
            (
                Profile {
                    picklock: Some("".into()),
                    ..none()
                },
                "picklock is ``, expected its whole path on the nodes, or a name on their PATH",
            ),
        ] {
            assert_eq!(wrong.check().unwrap_err(), told);
        }
        for right in ["picklock", "/software/picklock"] {
            let picklock = Some(right.into());
            assert!(Profile { picklock, ..none() }.check().is_ok(), "{right}");
        }
    }

    #[test]
    fn what_no_script_can_hold_is_refused() {
        for wrong in ["qos=low", "--array=1-5", "--comment=a\nb"] {
            let profile = Profile {
                sbatch: vec![wrong.into()],
                ..Profile::default()
            };
            assert!(Profile::default().with(profile).is_err(), "{wrong}");
        }
    }
}
