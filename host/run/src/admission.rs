//! Admitting hypotheses to a run: their plugins are found, checked, and asked for their arms. One that
//! is refused costs its own trials only, and the manifest says why.

use std::path::PathBuf;

use picklock_files::Key;
use picklock_message::{Error, Result, tell};
use picklock_record::{ArmRef, PluginFile, Registration, Roots, RunHypothesis, RunPlugin};
use picklock_sdk::Arm;

use crate::describe::describe;
use crate::plugin;

/// The hypotheses of a run, and the plugins that run them.
pub struct Admitted {
    /// What the manifest says of each.
    pub hypotheses: Vec<RunHypothesis>,
    /// Hypotheses whose plugin is admitted, and its file.
    pub plugins: Vec<(String, PathBuf)>,
}

/// What is to be admitted.
pub struct Candidates<'a> {
    /// The arms that the run needs.
    pub needed: &'a [ArmRef],
    /// The hypotheses whose claims it judges.
    pub chosen: &'a [Registration],
    /// Every hypothesis that there is.
    pub all: &'a [Registration],
    /// What the manifest said before, where the run goes on.
    pub before: &'a [RunHypothesis],
    /// Whether a plugin file that the manifest knows is taken as it says there, without being asked
    /// again: shards start many times, and each start loads libtorch for it.
    pub joins: bool,
}

impl Candidates<'_> {
    /// Admits them. A hypothesis whose plugin is refused keeps what the manifest said of it before,
    /// so that its earlier trials still count.
    ///
    /// # Errors
    /// Where no plugin of a chosen hypothesis is admitted (the first one's reason), one doesn't
    /// build, or a pre-registration contradicts its plugin.
    pub fn admit(&self, roots: &Roots, build: bool) -> Result<Admitted> {
        let names = self.names();
        let files = plugin::find(&names, roots, build)?;
        let mut all = Admitted {
            hypotheses: Vec::new(),
            plugins: Vec::new(),
        };
        let mut refusals = Vec::new();
        for (name, admitted) in names.iter().zip(self.describe(files)?) {
            match admitted {
                Ok((file, declared)) => {
                    let hypothesis = match self.known(&file) {
                        Some(known) => known.clone(),
                        None => self.admitted(&file, &declared)?,
                    };
                    all.hypotheses.push(hypothesis);
                    all.plugins.push((name.clone(), file.path));
                }
                Err(error) => {
                    all.hypotheses.push(self.refused(name, &error)?);
                    refusals.push(error);
                }
            }
        }
        let judged = |hypothesis: &RunHypothesis| hypothesis.judged && hypothesis.refused.is_none();
        if !refusals.is_empty() && !all.hypotheses.iter().any(judged) {
            return Err(refusals.swap_remove(0));
        }
        for error in refusals {
            tell!("refused: {error}; the others go on");
        }
        Ok(all)
    }

    /// Asks the plugins that were found for their arms, but those that are known.
    fn describe(&self, files: Vec<Result<PluginFile>>) -> Result<Vec<Admission>> {
        let unknown: Vec<_> = files
            .iter()
            .flatten()
            .filter(|file| self.known(file).is_none())
            .map(|file| (file.path.clone(), file.hash.clone()))
            .collect();
        let mut arms = describe(&unknown)?.into_iter();
        let admit = |file: Result<PluginFile>| {
            let file = file?;
            if self.known(&file).is_some() {
                return Ok((file, Vec::new()));
            }
            let silent = || Err(Error::Worker("said nothing of a plugin".into()));
            Ok((file, arms.next().unwrap_or_else(silent)?))
        };
        Ok(files.into_iter().map(admit).collect())
    }

    /// What the manifest says of this very file, where that is enough.
    fn known(&self, file: &PluginFile) -> Option<&RunHypothesis> {
        self.before.iter().filter(|_| self.joins).find(|known| {
            let plugin = known.plugin.as_ref().filter(|_| known.refused.is_none());
            known.name == file.name && plugin.is_some_and(|plugin| plugin.file == file.hash)
        })
    }

    fn names(&self) -> Vec<String> {
        let needed = self.needed.iter();
        let mut names: Vec<String> = needed.filter_map(|arm| arm.hypothesis.clone()).collect();
        names.dedup();
        names
    }

    fn registration(&self, name: &str) -> Result<&Registration> {
        let mut all = self.all.iter();
        all.find(|registration| registration.name == name)
            .ok_or_else(|| Error::Usage(format!("no hypotheses/{name}.toml")))
    }

    fn admitted(&self, file: &PluginFile, declared: &[Arm]) -> Result<RunHypothesis> {
        let registration = self.registration(&file.name)?;
        let arms = registration
            .arms
            .iter()
            .filter(|arm| self.needed.contains(&ArmRef::of(&file.name, &arm.name)))
            .map(|arm| registration.resolve(arm, declared));
        Ok(RunHypothesis {
            plugin: Some(RunPlugin {
                version: file.version.clone(),
                sdk: file.sdk.clone(),
                file: file.hash.clone(),
                code: file.code.clone(),
            }),
            arms: arms.collect::<Result<_>>()?,
            ..self.unknown(registration)
        })
    }

    fn refused(&self, name: &str, error: &Error) -> Result<RunHypothesis> {
        let before = self.before.iter().find(|known| known.name == name);
        let hypothesis = match before {
            Some(before) => before.clone(),
            None => self.unknown(self.registration(name)?),
        };
        Ok(RunHypothesis {
            refused: Some(error.to_string()),
            ..hypothesis
        })
    }

    /// A hypothesis of which nothing but the pre-registration is known.
    fn unknown(&self, registration: &Registration) -> RunHypothesis {
        let chosen = |known: &Registration| known.name == registration.name;
        RunHypothesis {
            name: registration.name.clone(),
            judged: self.chosen.iter().any(chosen),
            registration: registration.hash.clone().unwrap_or_else(|| Key::of(&())),
            plugin: None,
            refused: None,
            time_limit_s: registration.time_limit_s,
            arms: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

/// A plugin's file and the arms that it declares, or why it is refused.
type Admission = Result<(PluginFile, Vec<Arm>)>;
