//! One pre-registration file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use picklock_files::{Key, toml_file};
use picklock_message::{Error, Result};
use picklock_sdk::{Arm, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arm_ref::{ArmRef, core_arms};
use super::schema;
use super::spot::Spot;

/// A pre-registration: what is claimed, the arms, and how it will be judged.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
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
    /// Family-wise error rate of the run's claims: above 0, at most 0.2.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 0.2))]
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
    #[schemars(range(min = 1))]
    pub time_limit_s: u64,
    /// The arms, in the order in which they run.
    #[schemars(length(min = 1))]
    pub arms: Vec<RegisteredArm>,
    /// The predictions, at least one of them confirmatory.
    #[schemars(length(min = 1))]
    pub predictions: Vec<Prediction>,
}

/// What is compared between arms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Accuracy on the measure `held-out`, paired by problem.
    Accuracy,
}

/// The least numbers that a claim is judged on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Least {
    /// Seeds.
    #[schemars(range(min = 1))]
    pub seeds: u32,
    /// Draws within a seed.
    #[schemars(range(min = 1))]
    pub draws: u32,
    /// Problems of a trial.
    #[schemars(range(min = 1))]
    pub problems: u32,
}

/// An arm that runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisteredArm {
    /// Its name; the plugin declares it.
    pub name: String,
    /// The arm that it is compared with in tables.
    pub control: Option<ArmRef>,
    /// Parameters, in place of the plugin's defaults.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, schema::Parameter>")]
    pub parameters: BTreeMap<String, Value>,
}

/// Something that is predicted of two arms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("allOf" = schema::combinations()))]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Margin {
    /// In percentage points, above 0.
    Points(#[schemars(extend("exclusiveMinimum" = 0))] f64),
    /// As a share of core's effect, above 0.
    CoreShare(#[schemars(extend("exclusiveMinimum" = 0))] f64),
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
        match registration.contradiction() {
            Some((spot, problem)) => Err(registration.at(&spot, problem)),
            None => Ok(registration),
        }
    }

    /// The arm of this name.
    pub fn arm(&self, name: &str) -> Option<&RegisteredArm> {
        self.arms.iter().find(|arm| arm.name == name)
    }

    /// Where an arm stands in the file.
    fn spot_of(&self, arm: &str) -> Spot {
        let index = self.arms.iter().position(|known| known.name == arm);
        index.map_or_else(Spot::default, |index| {
            Spot::default().key("arms").item(index)
        })
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
                let spot = self.spot_of(&arm.name).key("parameters").key(name);
                return Err(self.at(&spot, problem));
            }
            resolved = resolved.with(name, value.clone());
        }
        Ok(resolved)
    }

    /// Checks that a plugin that declares these arms has all of this file's arms and parameters;
    /// gives the names of arms that this file lacks.
    ///
    /// # Errors
    /// Where it lacks one, or declares one twice.
    pub fn check_declared(&self, declared: &[Arm]) -> Result<Vec<String>> {
        for (index, arm) in declared.iter().enumerate() {
            let twice = |other: &Arm| other.name() == arm.name();
            if declared[..index].iter().any(twice) {
                let problem = format!("declares the arm `{}` twice", arm.name());
                let name = self.name.clone();
                return Err(Error::Plugin { name, problem });
            }
        }
        for arm in &self.arms {
            self.resolve(arm, declared)?;
        }
        let names = declared.iter().map(Arm::name);
        let idle = names.filter(|name| self.arm(name).is_none());
        Ok(idle.map(str::to_string).collect())
    }

    /// An error at a place of this file.
    pub(super) fn at(&self, spot: &Spot, problem: String) -> Error {
        let (line, column) = spot.find(&self.text);
        Error::Text {
            path: self.path.clone(),
            line,
            column,
            problem,
        }
    }
}

impl Prediction {
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
