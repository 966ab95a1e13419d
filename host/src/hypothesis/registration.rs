//! One pre-registration file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use picklock_sdk::{Arm, Value};
use serde::{Deserialize, Serialize};

use super::arm_ref::{ArmRef, core_arms};
use crate::error::{Error, Result};
use crate::organism::Key;
use crate::toml_file;

/// A pre-registration: what is claimed, the arms, and how it will be judged.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The file's name without extension; not a key of the file.
    #[serde(skip)]
    pub name: String,
    /// SHA-256 of the file; not a key of it.
    #[serde(skip)]
    pub hash: Option<Key>,
    /// The file's text; not a key of it.
    #[serde(skip)]
    pub text: String,
    /// Where the file lies; not a key of it.
    #[serde(skip)]
    pub path: PathBuf,
    /// The claim, as one sentence.
    pub claim: String,
    /// Who says it.
    pub said_by: String,
    /// Where.
    pub source: String,
    /// What is compared.
    pub metric: Metric,
    /// Family-wise error rate of the run's claims.
    pub alpha: f64,
    /// The least that this claim is judged on; with less the result is exploratory.
    pub least: Least,
    /// The arm whose effect over `core/locked` margins and smallest effects are shares of:
    /// `core/unlock`, or `core/unlock-tuned` where altered locks are compared.
    #[serde(default = "core_unlock")]
    pub core: ArmRef,
    /// The smallest effect that counts, for `greater` and `less`: 25% of core's unless said.
    #[serde(default = "quarter_of_core")]
    pub smallest_effect: Margin,
    /// How long a trial may compute on its own, between two lab calls, in seconds.
    #[serde(default = "ten_minutes")]
    pub time_limit_s: u64,
    /// The arms, in the order in which they run.
    pub arms: Vec<RegisteredArm>,
    /// The predictions.
    pub predictions: Vec<Prediction>,
}

/// What is compared between arms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Accuracy on the measure `held-out`, paired by problem.
    Accuracy,
}

/// The least numbers that a claim is judged on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Least {
    /// Seeds.
    pub seeds: u32,
    /// Draws within a seed.
    pub draws: u32,
    /// Problems of a trial.
    pub problems: u32,
}

/// An arm that runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisteredArm {
    /// Its name; the plugin declares it.
    pub name: String,
    /// The arm that it is compared with in tables.
    pub control: Option<ArmRef>,
    /// Parameters, in place of the plugin's defaults.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
}

/// Something that is predicted of two arms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// Its name.
    pub name: String,
    /// The arm whose accuracy is predicted.
    pub treated: ArmRef,
    /// What it is compared with.
    pub control: ArmRef,
    /// What treated started from, where effects are compared: the difference is then
    /// treated less its baseline, less control less its own.
    pub treated_baseline: Option<ArmRef>,
    /// What control started from.
    pub control_baseline: Option<ArmRef>,
    /// Arms between control and treated, in order, for a trend: the difference is then that between
    /// the ends of the line that least squares draws through all arms, equally spaced.
    #[serde(default)]
    pub through: Vec<ArmRef>,
    /// What is expected of the difference.
    pub expect: Expect,
    /// How far from 0 still counts as nothing: for `equivalent` and `non-inferior`.
    pub margin: Option<Margin>,
    /// The arm whose effect is the whole: for `ratio-within`.
    pub reference: Option<ArmRef>,
    /// What the reference arm started from; treated's control where it isn't said.
    pub reference_baseline: Option<ArmRef>,
    /// The bounds of the share of the whole: for `ratio-within`.
    pub ratio: Option<[f64; 2]>,
    /// Whether the claim stands or falls with it.
    pub confirmatory: bool,
}

/// What is expected of the difference treated - control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// Above 0.
    Greater,
    /// Below 0.
    Less,
    /// Within the margin of 0.
    Equivalent,
    /// Not below 0 by the margin or more.
    NonInferior,
    /// A share of the reference arm's effect within bounds.
    RatioWithin,
}

/// A margin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Margin {
    /// In percentage points.
    Points(f64),
    /// As a share of core's effect.
    CoreShare(f64),
}

impl From<Margin> for picklock_stats::Margin {
    fn from(margin: Margin) -> Self {
        match margin {
            Margin::Points(points) => Self::Points(points),
            Margin::CoreShare(share) => Self::CoreShare(share),
        }
    }
}

fn core_unlock() -> ArmRef {
    core_arms().0
}

fn quarter_of_core() -> Margin {
    Margin::CoreShare(0.25)
}

fn ten_minutes() -> u64 {
    600
}

impl Registration {
    /// Reads a pre-registration file.
    ///
    /// # Errors
    /// Where it can't be read, has unknown or missing keys, or contradicts itself.
    pub fn read(path: &Path) -> Result<Self> {
        let (mut registration, text): (Self, String) = toml_file::read(path)?;
        registration.name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        registration.hash = Some(Key::of_bytes(text.as_bytes()));
        registration.text = text;
        registration.path = path.to_path_buf();
        registration
            .check()
            .map_err(|(key, problem)| registration.at(&[&key], problem))?;
        Ok(registration)
    }

    /// The arm of this name.
    pub fn arm(&self, name: &str) -> Option<&RegisteredArm> {
        self.arms.iter().find(|arm| arm.name == name)
    }

    /// Every arm that this hypothesis' predictions need, its own and others'.
    pub fn needed_arms(&self) -> Vec<ArmRef> {
        let own = self
            .arms
            .iter()
            .map(|arm| ArmRef::of(&self.name, &arm.name));
        let controls = self.arms.iter().filter_map(|arm| arm.control.clone());
        let compared = self
            .predictions
            .iter()
            .flat_map(|prediction| prediction.arms().into_iter().cloned());
        // Margins and smallest effects are shares of core's effect.
        let core = [self.core.clone(), core_arms().1];
        let others = controls
            .chain(compared)
            .chain(core)
            .map(|arm| arm.absolute(&self.name));
        let mut needed: Vec<ArmRef> = Vec::new();
        for arm in own.chain(others) {
            if !needed.contains(&arm) {
                needed.push(arm);
            }
        }
        needed
    }

    /// Checks that all arms of other hypotheses are there.
    ///
    /// # Errors
    /// Where one isn't: file, line and the arm.
    pub fn check_references(&self, all: &[Self]) -> Result<()> {
        let arms_of = |other: &Self| -> Vec<String> {
            let arms = other.arms.iter();
            arms.map(|arm| ArmRef::of(&other.name, &arm.name).to_string())
                .collect()
        };
        let known: Vec<String> = all.iter().flat_map(arms_of).collect();
        for needed in self.needed_arms() {
            let name = needed.to_string();
            if !known.contains(&name) {
                let problem = Error::unknown("arm", &name, known).to_string();
                let own = needed.hypothesis.as_ref() == Some(&self.name);
                let written = if own { needed.arm } else { name };
                return Err(self.at(&[&format!("\"{written}\"")], problem));
            }
        }
        Ok(())
    }

    /// The arm as the plugin gets it: the declared defaults, with this file's parameters.
    ///
    /// # Errors
    /// Where the plugin doesn't declare the arm or a parameter.
    pub fn resolve(&self, arm: &RegisteredArm, declared: &[Arm]) -> Result<Arm> {
        let plugin = |problem: String| Error::Plugin {
            name: self.name.clone(),
            problem,
        };
        let found = declared
            .iter()
            .find(|known| known.name() == arm.name)
            .ok_or_else(|| {
                let known: Vec<&str> = declared.iter().map(Arm::name).collect();
                plugin(format!(
                    "has no arm `{}`, which the TOML file names; it has {}",
                    arm.name,
                    known.join(", ")
                ))
            })?;
        let mut resolved = found.clone();
        for (name, value) in &arm.parameters {
            let known: Vec<String> = found.parameters().map(|(known, _)| known.into()).collect();
            if !known.contains(name) {
                let problem = Error::unknown("parameter", name, known).to_string();
                return Err(self.at(&[&format!("\"{}\"", arm.name), name], problem));
            }
            resolved = resolved.with(name, value.clone());
        }
        Ok(resolved)
    }

    /// An error at the line that first mentions the last of `keys`, after those before it; at the
    /// first line where there is none.
    fn at(&self, keys: &[&str], problem: String) -> Error {
        let mut lines = self.text.lines().enumerate().peekable();
        let mut place = 0;
        for key in keys {
            while lines.next_if(|(_, line)| !line.contains(key)).is_some() {}
            place = lines.peek().map_or(0, |(index, _)| *index);
        }
        Error::Text {
            path: self.path.clone(),
            line: place + 1,
            column: 1,
            problem,
        }
    }

    /// Checks for contradictions; gives the text to look for and the problem.
    fn check(&self) -> std::result::Result<(), (String, String)> {
        let problem = |key: &str, text: String| Err((key.to_string(), text));
        if !(self.alpha > 0.0 && self.alpha <= 0.2) {
            return problem(
                "alpha",
                format!("alpha is {}, expected above 0 to 0.2", self.alpha),
            );
        }
        if self.arms.is_empty() {
            return problem("arms", "no arms, expected at least one".into());
        }
        for (index, arm) in self.arms.iter().enumerate() {
            let quoted = format!("\"{}\"", arm.name);
            if self.arms[..index]
                .iter()
                .any(|other| other.name == arm.name)
            {
                return problem(&quoted, format!("arm `{}` is there twice", arm.name));
            }
        }
        for prediction in &self.predictions {
            let name = &prediction.name;
            let quoted = format!("\"{name}\"");
            if self
                .predictions
                .iter()
                .filter(|other| other.name == *name)
                .count()
                > 1
            {
                return problem(&quoted, format!("prediction `{name}` is there twice"));
            }
            if let Some(text) = prediction.contradiction() {
                return problem(&quoted, format!("prediction `{name}`: {text}"));
            }
        }
        if !self
            .predictions
            .iter()
            .any(|prediction| prediction.confirmatory)
        {
            return problem(
                "predictions",
                "no confirmatory prediction, expected at least one".into(),
            );
        }
        Ok(())
    }
}

impl Prediction {
    /// Every arm that it names.
    pub fn arms(&self) -> Vec<&ArmRef> {
        let others = [
            &self.treated_baseline,
            &self.control_baseline,
            &self.reference,
            &self.reference_baseline,
        ];
        let named = [&self.treated, &self.control].into_iter();
        named
            .chain(&self.through)
            .chain(others.into_iter().flatten())
            .collect()
    }

    /// What is wrong with the combination of keys.
    fn contradiction(&self) -> Option<String> {
        let wants_margin = matches!(self.expect, Expect::Equivalent | Expect::NonInferior);
        let wants_ratio = self.expect == Expect::RatioWithin;
        if wants_margin != self.margin.is_some() {
            let verb = if wants_margin { "needs" } else { "takes no" };
            return Some(format!("this expectation {verb} `margin`"));
        }
        if self.treated_baseline.is_some() != self.control_baseline.is_some() {
            return Some("needs `treated_baseline` and `control_baseline`, or neither".into());
        }
        if self.treated_baseline.is_some() && !self.through.is_empty() {
            return Some("takes either baselines or `through`, not both".into());
        }
        if self.reference_baseline.is_some() && self.reference.is_none() {
            return Some("`reference_baseline` without `reference`".into());
        }
        if wants_ratio != (self.ratio.is_some() && self.reference.is_some()) {
            let verb = if wants_ratio { "needs" } else { "takes no" };
            return Some(format!("this expectation {verb} `ratio` and `reference`"));
        }
        match (self.margin, self.ratio) {
            (Some(Margin::Points(size) | Margin::CoreShare(size)), _)
                if !(size.is_finite() && size > 0.0) =>
            {
                Some(format!("margin {size}, expected a number above 0"))
            }
            (_, Some([low, high])) if !(low < high && low.is_finite()) => Some(format!(
                "ratio [{low}, {high}], expected a lower and a higher number"
            )),
            _ if self.treated == self.control => Some("compares an arm with itself".into()),
            _ => None,
        }
    }

    /// The expectation as the statistics know it.
    pub fn expectation(&self) -> picklock_stats::Expectation {
        use picklock_stats::Expectation;
        let margin = self.margin.unwrap_or(Margin::CoreShare(0.25)).into();
        let [low, high] = self.ratio.unwrap_or([0.0, 1.0]);
        match self.expect {
            Expect::Greater => Expectation::Greater,
            Expect::Less => Expectation::Less,
            Expect::Equivalent => Expectation::Equivalent(margin),
            Expect::NonInferior => Expectation::NonInferior(margin),
            Expect::RatioWithin => Expectation::RatioWithin { low, high },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(change: impl Fn(String) -> String) -> Result<Registration> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("core.toml");
        let text = include_str!("../../../hypotheses/core.toml").to_string();
        std::fs::write(&path, change(text)).unwrap();
        Registration::read(&path)
    }

    fn problem(from: &str, to: &str) -> String {
        let error = read(|text| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let error = error.unwrap_err().to_string();
        error.rsplit_once("core.toml:").unwrap().1.to_string()
    }

    #[test]
    fn the_shipped_file_reads() {
        let registration = read(|text| text).unwrap();
        assert_eq!(registration.arms.len(), 8);
        assert_eq!(registration.predictions[0].treated.arm, "unlock");
        assert_eq!(registration.smallest_effect, Margin::CoreShare(0.25));
    }

    #[test]
    fn contradictions_name_line_and_prediction() {
        let text = problem("expect = \"greater\"", "expect = \"equivalent\"");
        let name = "unlock-raises-accuracy";
        assert!(
            text.ends_with(&format!(
                "prediction `{name}`: this expectation needs `margin`"
            )),
            "{text}"
        );
        let text = problem("alpha = 0.05", "alpha = 5");
        assert_eq!(text, "5:1: alpha is 5, expected above 0 to 0.2");
        let text = problem("said_by", "sayd_by");
        assert_eq!(text, "2:1: unknown key `sayd_by`; did you mean `said_by`?");
        let text = problem("\"greater\"", "\"grater\"");
        assert!(
            text.ends_with("unknown key `grater`; did you mean `greater`?"),
            "{text}"
        );
    }
}
