//! Rehearsing the arms of a run: what they will ask for, and which of them need what the organism does
//! not have.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use picklock_lab::ArmNeeds;
use picklock_message::{Error, Result};
use picklock_record::{LeftOut, Manifest, RunHypothesis};

use crate::describe::rehearse;
use crate::estimate::Rehearsed;

/// What is known of a run's arms beforehand.
#[derive(Clone, Debug, Default)]
pub struct Rehearsal {
    /// What they ask for, by hypothesis and arm.
    pub work: Rehearsed,
    /// Hypotheses of which that isn't known, and why.
    pub guessed: Vec<String>,
    /// What arms need that the organism hasn't got, by hypothesis and arm.
    unsupported: HashMap<(String, String), String>,
}

impl Rehearsal {
    /// Rehearses the arms of all hypotheses that have a plugin.
    ///
    /// # Errors
    /// Where no process can be started.
    pub fn of(manifest: &Manifest, plugins: &[(String, PathBuf)]) -> Result<Self> {
        let mut asked = Vec::new();
        let mut runs = Vec::new();
        for (name, path) in plugins {
            let run = manifest.hypothesis(name);
            if let Some((run, plugin)) = run.and_then(|run| Some((run, run.plugin.as_ref()?))) {
                asked.push((path.clone(), plugin.file.clone(), run.arms.clone()));
                runs.push(run);
            }
        }
        let limits = runs.iter().map(|run| run.time_limit_s);
        let limit = Duration::from_secs(limits.min().unwrap_or(0));
        let answers = match rehearse(&manifest.organism, asked, limit) {
            Ok(answers) => answers,
            Err(error @ Error::Worker(_)) => return Err(error),
            Err(error) => runs.iter().map(|_| Err(error.to_string())).collect(),
        };
        let mut rehearsal = Self::default();
        for (run, answer) in runs.into_iter().zip(answers) {
            match answer {
                Err(reason) => rehearsal.guessed.push(format!("{}: {reason}", run.name)),
                Ok(arms) => rehearsal.take(run, arms),
            }
        }
        Ok(rehearsal)
    }

    fn take(&mut self, run: &RunHypothesis, asked: Vec<ArmNeeds>) {
        for (arm, ArmNeeds { work, unsupported }) in run.arms.iter().zip(asked) {
            let key = (run.name.clone(), arm.name().to_string());
            match unsupported {
                Some(reason) => _ = self.unsupported.insert(key, reason),
                None => _ = self.work.insert(key, work),
            }
        }
    }

    /// Leaves out the arms that need what the organism hasn't got.
    pub fn leave_out(&self, hypotheses: &mut [RunHypothesis]) {
        for run in hypotheses {
            let left_out = &mut run.left_out;
            run.arms.retain(|arm| {
                let key = (run.name.clone(), arm.name().to_string());
                let Some(reason) = self.unsupported.get(&key) else {
                    return true;
                };
                left_out.push(LeftOut {
                    arm: key.1,
                    reason: reason.clone(),
                });
                false
            });
        }
    }
}
