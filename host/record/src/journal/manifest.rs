//! The manifest: everything that a run's results depend on.

use std::collections::HashSet;
use std::path::Path;

use picklock_files::{Key, write_atomically, write_first};
use picklock_message::{Error, Result};
use picklock_sdk::Arm;
use serde::{Deserialize, Serialize};

use crate::hypothesis::ArmRef;
use crate::organism::Organism;
use crate::trial::Member;

/// The version of the manifest's format.
const FORMAT: u32 = 2;

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format's version.
    pub format: u32,
    /// picklock's version.
    pub picklock: String,
    /// The commit that it was run at, with `-dirty` where files had changed; none outside a
    /// repository.
    pub git: Option<String>,
    /// What was tested.
    pub organism: Organism,
    /// The root of all random streams.
    pub root_seed: u64,
    /// Seeds that were planned before the first trial.
    pub planned_seeds: u32,
    /// Seeds that were run; more than planned makes the run exploratory.
    pub seeds: u32,
    /// Draws within each seed.
    pub draws: u32,
    /// How trials are cut into stacks.
    pub geometry: Geometry,
    /// Where it ran.
    pub environment: Environment,
    /// The hypotheses, in order.
    pub hypotheses: Vec<RunHypothesis>,
}

/// How trials are cut into stacks; fixed with the first trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// Seeds of a block, whose trials share models and run side by side.
    pub seeds_per_block: u32,
    /// Members of one stacked operation.
    pub width: u32,
}

/// The numeric environment, and what it ran on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The class of device: `cpu` with its vector instructions, or the GPU's name.
    pub device: String,
    /// Precision of weights, states and arithmetic.
    pub precision: String,
    /// The GPU's memory in MiB, which decoding's batches are cut for; none on a CPU, where they are
    /// the same on every machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// libtorch's version.
    pub libtorch: String,
    /// libtorch's threads in a worker.
    pub threads: u32,
    /// The GPU driver's version, which does not belong to the numeric environment.
    pub driver: Option<String>,
}

impl Environment {
    /// What numbers depend on, as one line.
    pub fn numeric(&self) -> String {
        let memory = self.memory_mib.map(|memory| format!(" with {memory} MiB"));
        format!(
            "{}{}, {}, libtorch {}, {} thread(s)",
            self.device,
            memory.unwrap_or_default(),
            self.precision,
            self.libtorch,
            self.threads
        )
    }

    /// The GPU's memory in bytes.
    pub fn memory_bytes(&self) -> Option<u64> {
        self.memory_mib.map(|memory| memory << 20)
    }
}

/// A hypothesis of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunHypothesis {
    /// Its name.
    pub name: String,
    /// Whether its claim is judged; else only some arms of it are needed by others.
    pub judged: bool,
    /// SHA-256 of its pre-registration file, a copy of which lies in the run's folder.
    pub registration: Key,
    /// Its plugin; none where it was never admitted.
    pub plugin: Option<RunPlugin>,
    /// Why its plugin was not admitted, the last time that the run was started.
    pub refused: Option<String>,
    /// How long a trial may compute on its own, in seconds.
    pub time_limit_s: u64,
    /// The arms that run, with all parameters; none where its plugin was never admitted.
    pub arms: Vec<Arm>,
    /// The arms that have no trials, since they need what the organism hasn't got.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// An arm that has no trials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its name.
    pub arm: String,
    /// What it needs, as in `needs a base model`.
    pub reason: String,
}

impl RunHypothesis {
    /// What is left out, a line for each reason: which arms, and what they need.
    pub fn left_out_lines(&self) -> Vec<String> {
        let mut lines: Vec<(&str, Vec<&str>)> = Vec::new();
        for LeftOut { arm, reason } in &self.left_out {
            match lines.iter_mut().find(|(known, _)| known == reason) {
                Some((_, arms)) => arms.push(arm),
                None => lines.push((reason, vec![arm])),
            }
        }
        let name = &self.name;
        let all = self.arms.is_empty() && lines.len() == 1;
        let line = |(reason, arms): (&str, Vec<&str>)| match *arms {
            _ if all => format!("{name}, all of it, {reason}"),
            [arm] => format!("{name}/{arm} {reason}"),
            _ => format!("{name}, {}: {reason}", arms.join(", ")),
        };
        lines.into_iter().map(line).collect()
    }
}

/// The plugin that a hypothesis' trials were run by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunPlugin {
    /// Its version.
    pub version: String,
    /// The SDK's version that it was built with.
    pub sdk: String,
    /// SHA-256 of its file.
    pub file: Key,
    /// SHA-256 of what is loaded of it.
    pub code: Key,
}

impl Manifest {
    /// The current format's version.
    pub const FORMAT: u32 = FORMAT;

    /// Writes a run's manifest.
    ///
    /// # Errors
    /// Where the folder can't be written.
    pub fn write(&self, run: &Path) -> Result<()> {
        let path = run.join("manifest.json");
        write_atomically(&path, &self.text(&path)?)
    }

    /// Writes it where the run has none yet; `false` where it has.
    ///
    /// # Errors
    /// Where the folder can't be written.
    pub fn write_first(&self, run: &Path) -> Result<bool> {
        let path = run.join("manifest.json");
        write_first(&path, &self.text(&path)?)
    }

    fn text(&self, path: &Path) -> Result<Vec<u8>> {
        let json = serde_json::to_string_pretty(self)
            .map_err(|error| Error::file(path, error.to_string()))?;
        Ok((json + "\n").into_bytes())
    }

    /// The hypothesis of this name.
    pub fn hypothesis(&self, name: &str) -> Option<&RunHypothesis> {
        self.hypotheses.iter().find(|known| known.name == name)
    }

    /// The names of the hypotheses whose claims are judged.
    pub fn judged(&self) -> Vec<String> {
        let judged = self.hypotheses.iter().filter(|known| known.judged);
        judged.map(|known| known.name.clone()).collect()
    }

    /// Whether some plugin was refused, the last time that the run was started.
    pub fn has_refused(&self) -> bool {
        self.hypotheses.iter().any(|known| known.refused.is_some())
    }

    /// What is left out, a line for each hypothesis and reason.
    pub fn left_out_lines(&self) -> Vec<String> {
        let hypotheses = self.hypotheses.iter();
        hypotheses.flat_map(RunHypothesis::left_out_lines).collect()
    }

    /// What an arm needs that this run's organism hasn't got, where it is left out for that.
    pub fn unsupported(&self, arm: &ArmRef) -> Option<&str> {
        let run = self.hypothesis(arm.hypothesis.as_deref()?)?;
        let left_out = run.left_out.iter().find(|known| known.arm == arm.arm);
        left_out.map(|known| known.reason.as_str())
    }

    /// Every member, by seed and draw.
    pub fn members(&self) -> Vec<Member> {
        let draws = self.draws;
        let of_seed = |seed| (0..draws).map(move |draw| Member { seed, draw });
        (0..self.seeds).flat_map(of_seed).collect()
    }

    /// How many of these trials are of hypotheses whose plugin is refused now.
    pub fn count_refused(&self, trials: &HashSet<Key>) -> usize {
        let members = self.members();
        let refused = self.hypotheses.iter().filter(|run| run.refused.is_some());
        refused
            .flat_map(|run| run.arms.iter().map(move |arm| (run, arm)))
            .flat_map(|(run, arm)| members.iter().map(move |member| (run, arm, *member)))
            .filter(|(run, arm, member)| trials.contains(&self.trial_id(run, arm, *member)))
            .count()
    }

    /// A trial's identity: whatever its outcome depends on.
    pub fn trial_id(&self, hypothesis: &RunHypothesis, arm: &Arm, member: Member) -> Key {
        let plugin = hypothesis.plugin.as_ref();
        let plugin = plugin.map(|plugin| (&hypothesis.name, &plugin.version, &plugin.code));
        let place = (self.environment.numeric(), self.geometry, self.draws);
        Key::of(&(&self.organism, self.root_seed, plugin, arm, member, place))
    }
}
