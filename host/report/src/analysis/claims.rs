//! Claims: every prediction judged by its pre-registration, every claim by its predictions.

use picklock_message::{Error, Result};
use picklock_record::{ArmRef, Member, Prediction, Registration, core_arms};
use picklock_stats::{
    Claim, ClaimVerdict, Deviation, Expectation, Gate, Judgement, McNemar, PredictionVerdict,
    Undefined, Unit,
};

use super::arms::ArmAnalysis;
use super::checks::Checks;
use super::effect::{Compared, Effect, core_effect};
use super::gate::gate;
use crate::evidence::Evidence;
use crate::numbers::Estimate;

/// A claim and its verdict.
pub struct ClaimAnalysis<'e> {
    /// The claim as it was registered.
    pub registration: &'e Registration,
    /// The gate of the locks that it rests on.
    pub gate: Gate,
    /// Core's effect, of which its margins may be shares.
    pub core: Effect,
    /// Its verdict; that of each prediction is found in `predictions`.
    pub verdict: ClaimVerdict,
    /// Its predictions, in their order.
    pub predictions: Vec<PredictionAnalysis<'e>>,
}

/// A prediction and its verdict.
pub struct PredictionAnalysis<'e> {
    /// The prediction as it was registered.
    pub registered: &'e Prediction,
    /// What it compares.
    pub compared: Compared,
    /// Its verdict.
    pub verdict: PredictionVerdict,
    /// With a single seed, what can be said of its problems (its first draw's).
    pub problems_only: Option<McNemar>,
    /// What its interval and p speak of; empty where there are none.
    pub generalises_to: String,
    /// What other procedures say.
    pub checks: Checks,
}

impl PredictionAnalysis<'_> {
    /// The effect: as it was judged, and where it couldn't be, as it was measured.
    pub fn estimate(&self) -> Estimate {
        match &self.verdict.judgement {
            Some(judgement) => Estimate {
                points: Some(judgement.estimate),
                interval: Some(judgement.interval()),
                p: judgement.p,
                seeds: judgement.n_seeds,
            },
            None => self.compared.effect.estimate(0.95),
        }
    }
}

/// A claim before its verdict.
struct Unjudged<'e> {
    registration: &'e Registration,
    gate: Gate,
    core: Effect,
    compared: Vec<Compared>,
}

/// Judges every claim of a run.
///
/// # Errors
/// Where the statistics refuse their input.
pub fn judge<'e>(evidence: &'e Evidence, arms: &[ArmAnalysis]) -> Result<Vec<ClaimAnalysis<'e>>> {
    let unjudged: Vec<Unjudged> = evidence
        .judged()
        .map(|registration| Unjudged::new(evidence, registration))
        .collect();
    let claims = unjudged
        .iter()
        .map(|claim| claim.claim(evidence, arms))
        .collect();
    let alphas = evidence.judged().map(|registration| registration.alpha);
    // Without a claim nothing is decided at any level.
    let verdicts = picklock_stats::decide(claims, alphas.reduce(f64::min).unwrap_or(0.05))
        .map_err(|error| Error::Usage(format!("statistics: {error}")))?;
    let both = unjudged.into_iter().zip(verdicts);
    Ok(both
        .map(|(claim, verdict)| claim.judged(evidence, verdict))
        .collect())
}

impl<'e> Unjudged<'e> {
    fn new(evidence: &Evidence, registration: &'e Registration) -> Self {
        let home = &registration.name;
        let core = core_effect(evidence, &registration.core.absolute(home));
        let predictions = registration.predictions.iter();
        Self {
            registration,
            gate: gate(evidence, &used_arms(registration)),
            compared: predictions
                .map(|prediction| Compared::new(evidence, home, prediction, &core))
                .collect(),
            core,
        }
    }

    /// As the statistics take it.
    fn claim(&self, evidence: &Evidence, arms: &[ArmAnalysis]) -> Claim {
        let registration = self.registration;
        let predictions = registration.predictions.iter().zip(&self.compared);
        Claim {
            name: registration.name.clone(),
            gate: self.gate.clone(),
            predictions: predictions
                .map(|(prediction, compared)| picklock_stats::Prediction {
                    name: prediction.name.clone(),
                    confirmatory: prediction.confirmatory,
                    result: judge_one(evidence, registration, prediction, compared),
                })
                .collect(),
            deviations: deviations(evidence, registration, arms),
        }
    }

    fn judged(self, evidence: &Evidence, mut verdict: ClaimVerdict) -> ClaimAnalysis<'e> {
        let registration = self.registration;
        let verdicts = std::mem::take(&mut verdict.predictions);
        let predictions = registration
            .predictions
            .iter()
            .zip(self.compared)
            .zip(verdicts);
        ClaimAnalysis {
            registration,
            gate: self.gate,
            core: self.core,
            verdict,
            predictions: predictions
                .map(|((registered, compared), verdict)| {
                    let problems_only = problems_only(evidence, registration, registered);
                    let root_seed = evidence.manifest.root_seed;
                    let checks = verdict.judgement.as_ref();
                    PredictionAnalysis {
                        registered,
                        generalises_to: generalises_to(evidence, &verdict, problems_only.as_ref()),
                        checks: checks
                            .map(|judged| Checks::new(root_seed, registered, &compared, judged))
                            .unwrap_or_default(),
                        problems_only,
                        compared,
                        verdict,
                    }
                })
                .collect(),
        }
    }
}

fn judge_one(
    evidence: &Evidence,
    registration: &Registration,
    prediction: &Prediction,
    compared: &Compared,
) -> std::result::Result<Judgement, Undefined> {
    if let Some(reason) = never_run(evidence, registration, prediction) {
        return Err(Undefined::NoTrials(reason));
    }
    if compared.evidence().effects.is_empty() {
        let reason = "of no seed have all arms that are compared succeeded";
        return Err(Undefined::NoTrials(reason.into()));
    }
    picklock_stats::judge(
        &prediction.expectation(),
        &compared.evidence(),
        &registration.smallest_effect.into(),
        registration.alpha,
    )
}

/// Why an arm that a prediction needs has no trials: its plugin was refused, the organism doesn't
/// support it, or the run hasn't got it.
fn never_run(
    evidence: &Evidence,
    registration: &Registration,
    prediction: &Prediction,
) -> Option<String> {
    let arm = evidence.unknown_arm(registration, prediction)?;
    let run = evidence
        .manifest
        .hypothesis(arm.hypothesis.as_deref().unwrap_or_default());
    let unsupported = evidence.manifest.unsupported(&arm);
    unsupported
        .map(|reason| format!("{arm} {reason}"))
        .or(run.and_then(|run| run.refused.clone()))
        .or_else(|| Some(format!("this run has no arm {arm}")))
}

fn generalises_to(
    evidence: &Evidence,
    verdict: &PredictionVerdict,
    problems: Option<&McNemar>,
) -> String {
    let seeds = verdict.judgement.as_ref().map(|judged| judged.generalises);
    match (
        seeds.or(problems.map(McNemar::generalises)),
        &evidence.manifest.organism.locked,
    ) {
        (None, _) => String::new(),
        (Some(to), None) => to.to_string(),
        (Some(to), Some(_)) => format!("{to}, of the given locked model (its seeds are draws)"),
    }
}

/// McNemar's test of a prediction's arms, where there is one seed only.
fn problems_only(
    evidence: &Evidence,
    registration: &Registration,
    prediction: &Prediction,
) -> Option<McNemar> {
    if evidence.manifest.seeds != 1 || prediction.treated_baseline.is_some() {
        return None;
    }
    let [treated, control] =
        [&prediction.treated, &prediction.control].map(|arm| arm.absolute(&registration.name));
    let pairs = evidence.discordant(&treated, &control, Member { seed: 0, draw: 0 })?;
    picklock_stats::mcnemar(pairs, 1.0 - registration.alpha).ok()
}

fn deviations(
    evidence: &Evidence,
    registration: &Registration,
    arms: &[ArmAnalysis],
) -> Vec<Deviation> {
    let manifest = &evidence.manifest;
    let least = registration.least;
    let counts = [
        (Unit::Seeds, least.seeds, manifest.seeds),
        (Unit::Draws, least.draws, manifest.draws),
        (
            Unit::Problems,
            least.problems,
            manifest.organism.problems.held_out,
        ),
    ];
    let fewer = counts
        .into_iter()
        .filter(|(_, registered, used)| used < registered);
    let mut deviations: Vec<Deviation> = fewer
        .map(|(unit, registered, used)| Deviation::Fewer {
            unit,
            registered: registered as usize,
            used: used as usize,
        })
        .collect();
    if manifest.seeds > manifest.planned_seeds {
        deviations.push(Deviation::SeedsAdded {
            planned: manifest.planned_seeds as usize,
            used: manifest.seeds as usize,
        });
    }
    let used = used_arms(registration);
    let mismatched: usize = used
        .iter()
        .map(|arm| evidence.effect(arm, &core_arms().1).mismatched)
        .sum();
    if mismatched > 0 {
        let text = format!("{mismatched} pairs left out: their locked models differ");
        deviations.push(Deviation::Other(text));
    }
    if evidence.altered.contains(&registration.name) {
        let text = "the run's copy is not what was registered";
        deviations.push(Deviation::Other(text.into()));
    }
    if let Some(text) = near_the_ends(arms, registration) {
        deviations.push(Deviation::Other(text));
    }
    let missing = missing_trials(evidence, &used);
    if missing > 0 {
        deviations.push(Deviation::Other(format!(
            "{missing} trials of the arms that it compares failed or are missing"
        )));
    }
    deviations
}

/// Accuracies, in percent, between which equivalence and non-inferiority keep their error rates
/// (docs/src/calibration.md).
const CALIBRATED: std::ops::RangeInclusive<f64> = 15.0..=85.0;

/// Whether a confirmatory equivalence or non-inferiority rests on accuracies near 0 or 1, where few
/// seeds make it too sure: the first such arm, in words.
fn near_the_ends(arms: &[ArmAnalysis], registration: &Registration) -> Option<String> {
    let by_margin = |prediction: &&Prediction| {
        let expectation = prediction.expectation();
        matches!(
            expectation,
            Expectation::Equivalent(_) | Expectation::NonInferior(_)
        )
    };
    let predictions = confirmatory(registration).filter(by_margin);
    predictions.flat_map(Prediction::arms).find_map(|arm| {
        let arm = arm.absolute(&registration.name);
        let accuracy = arms.iter().find(|known| known.arm == arm)?.accuracy?;
        (!CALIBRATED.contains(&accuracy)).then(|| {
            format!(
                "{arm} is at {accuracy:.1}%, and under {}% or over {}% equivalence is shown too easily",
                CALIBRATED.start(),
                CALIBRATED.end()
            )
        })
    })
}

fn missing_trials(evidence: &Evidence, arms: &[ArmRef]) -> usize {
    let planned = evidence.manifest.members().len();
    arms.iter()
        .filter(|arm| evidence.manifest.unsupported(arm).is_none())
        .map(|arm| planned.saturating_sub(evidence.done(arm).count()))
        .sum()
}

fn confirmatory(registration: &Registration) -> impl Iterator<Item = &Prediction> {
    let predictions = registration.predictions.iter();
    predictions.filter(|prediction| prediction.confirmatory)
}

/// The arms that a hypothesis' confirmatory predictions compare.
fn used_arms(registration: &Registration) -> Vec<ArmRef> {
    let named = confirmatory(registration).flat_map(Prediction::arms);
    let mut arms: Vec<ArmRef> = named.map(|arm| arm.absolute(&registration.name)).collect();
    arms.sort();
    arms.dedup();
    arms
}
