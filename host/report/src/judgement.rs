//! Judging: every prediction by its pre-registration, every claim by its predictions.

use picklock_message::{Error, Result};
use picklock_record::{ArmRef, Member, Registration, core_arms};
use picklock_sdk::HELD_OUT;
use picklock_stats::{
    Claim, ClaimVerdict, Deviation, Expectation, Gate, Judgement, McNemar, Prediction,
    PredictionVerdict, Undefined, Unit, Verdict,
};

use crate::checks::Checks;
use crate::effect::Effect;
use crate::evidence::{Evidence, mean};
use crate::gate::gate;
use crate::reading::unknown_arm;
use crate::series::Series;

/// A run's verdicts.
pub struct Report {
    /// One for each judged hypothesis, in the manifest's order.
    pub claims: Vec<JudgedClaim>,
}

/// A claim and its verdict.
pub struct JudgedClaim {
    /// The claim as it was registered.
    pub registration: Registration,
    /// What came of it.
    pub verdict: ClaimVerdict,
    /// The effect behind each prediction, in their order.
    pub effects: Vec<Effect>,
    /// With a single seed, what can be said of its problems (its first draw's).
    pub problems_only: Vec<Option<McNemar>>,
    /// What interval and p of each prediction speak of; empty where there are none.
    pub generalises_to: Vec<String>,
    /// What other procedures say to each prediction.
    pub checks: Vec<Checks>,
    /// The gate of the locks that it rests on.
    pub gate: Gate,
}

impl Report {
    /// Judges a run.
    ///
    /// # Errors
    /// Where the statistics refuse their input.
    pub fn new(evidence: &Evidence) -> Result<Self> {
        let judged = || evidence.judged();
        let claims = judged()
            .map(|registration| claim(evidence, registration))
            .collect();
        let alpha = judged()
            .map(|registration| registration.alpha)
            .reduce(f64::min);
        // Without a claim nothing is decided at any level.
        let verdicts = picklock_stats::decide(claims, alpha.unwrap_or(0.05))
            .map_err(|error| Error::Usage(format!("statistics: {error}")))?;
        let claim = |(registration, verdict): (&Registration, ClaimVerdict)| {
            let problems_only = problems_only(evidence, registration);
            let told = || verdict.predictions.iter();
            JudgedClaim {
                registration: registration.clone(),
                effects: each_effect(evidence, registration),
                generalises_to: told()
                    .zip(&problems_only)
                    .map(|(told, problems)| generalises_to(evidence, told, problems.as_ref()))
                    .collect(),
                checks: registration
                    .predictions
                    .iter()
                    .zip(told())
                    .map(|(prediction, told)| Checks::new(evidence, registration, prediction, told))
                    .collect(),
                gate: gate(evidence, &used_arms(registration)),
                problems_only,
                verdict,
            }
        };
        Ok(Self {
            claims: judged().zip(verdicts).map(claim).collect(),
        })
    }
}

fn claim(evidence: &Evidence, registration: &Registration) -> Claim {
    let predictions = registration
        .predictions
        .iter()
        .map(|prediction| Prediction {
            name: prediction.name.clone(),
            confirmatory: prediction.confirmatory,
            result: judge(evidence, registration, prediction),
        });
    Claim {
        name: registration.name.clone(),
        gate: gate(evidence, &used_arms(registration)),
        predictions: predictions.collect(),
        deviations: deviations(evidence, registration),
    }
}

fn judge(
    evidence: &Evidence,
    registration: &Registration,
    prediction: &picklock_record::Prediction,
) -> std::result::Result<Judgement, Undefined> {
    if let Some(reason) = never_run(evidence, registration, prediction) {
        return Err(Undefined::NoTrials(reason));
    }
    let series = Series::new(evidence, registration, prediction);
    if series.is_empty() {
        let reason = "of no seed have all arms that are compared succeeded";
        return Err(Undefined::NoTrials(reason.into()));
    }
    picklock_stats::judge(
        &prediction.expectation(),
        &series.evidence(),
        &registration.smallest_effect.into(),
        registration.alpha,
    )
}

/// Why an arm that a prediction needs has no trials: its plugin was refused, the organism lacks what
/// it needs, or the run hasn't got it.
fn never_run(
    evidence: &Evidence,
    registration: &Registration,
    prediction: &picklock_record::Prediction,
) -> Option<String> {
    let arm = unknown_arm(&evidence.arms(), registration, prediction)?;
    let home = arm.hypothesis.as_deref().unwrap_or_default();
    let run = evidence.manifest.hypothesis(home);
    let refused = run.and_then(|run| run.refused.clone());
    let lack = evidence.manifest.unsupported(&arm);
    let lack = lack.map(|lack| format!("{arm} {lack}"));
    Some(
        lack.or(refused)
            .unwrap_or_else(|| format!("this run has no arm {arm}")),
    )
}

fn generalises_to(
    evidence: &Evidence,
    told: &PredictionVerdict,
    problems: Option<&McNemar>,
) -> String {
    let seeds = told.judgement.as_ref().map(|judged| judged.generalises);
    let to = seeds.or(problems.map(McNemar::generalises));
    match (to, &evidence.manifest.organism.locked) {
        (None, _) => String::new(),
        (Some(to), None) => to.to_string(),
        (Some(to), Some(_)) => format!("{to}, of the given locked model (its seeds are draws)"),
    }
}

fn each_effect(evidence: &Evidence, registration: &Registration) -> Vec<Effect> {
    let effect = |prediction| evidence.predicted(&registration.name, prediction);
    registration.predictions.iter().map(effect).collect()
}

/// McNemar's test of each prediction's arms, where there is one seed only.
fn problems_only(evidence: &Evidence, registration: &Registration) -> Vec<Option<McNemar>> {
    let home = &registration.name;
    let test = |prediction: &picklock_record::Prediction| {
        if evidence.manifest.seeds != 1 || prediction.treated_baseline.is_some() {
            return None;
        }
        let (treated, control) = (
            prediction.treated.absolute(home),
            prediction.control.absolute(home),
        );
        let pairs = evidence.discordant(&treated, &control, Member { seed: 0, draw: 0 })?;
        picklock_stats::mcnemar(pairs, 1.0 - registration.alpha).ok()
    };
    registration.predictions.iter().map(test).collect()
}

fn deviations(evidence: &Evidence, registration: &Registration) -> Vec<Deviation> {
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
    let arms = used_arms(registration);
    let mismatched: usize = arms
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
    if let Some(text) = near_the_ends(evidence, registration) {
        deviations.push(Deviation::Other(text));
    }
    let missing = missing_trials(evidence, &arms);
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
fn near_the_ends(evidence: &Evidence, registration: &Registration) -> Option<String> {
    let by_margin = |prediction: &&picklock_record::Prediction| {
        let expectation = prediction.expectation();
        let by_margin = matches!(
            expectation,
            Expectation::Equivalent(_) | Expectation::NonInferior(_)
        );
        prediction.confirmatory && by_margin
    };
    let predictions = registration.predictions.iter().filter(by_margin);
    let arms = predictions.flat_map(picklock_record::Prediction::arms);
    arms.map(|arm| arm.absolute(&registration.name)).find_map(|arm| {
        let seeds: Vec<f64> = evidence.accuracy(&arm, HELD_OUT).into_values().collect();
        let accuracy = mean(&seeds);
        (!seeds.is_empty() && !CALIBRATED.contains(&accuracy)).then(|| {
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
    let done = |arm: &ArmRef| evidence.done(arm).count();
    let runs = |arm: &&ArmRef| evidence.manifest.unsupported(arm).is_none();
    arms.iter()
        .filter(runs)
        .map(|arm| planned.saturating_sub(done(arm)))
        .sum()
}

/// The arms that a hypothesis' confirmatory predictions compare.
fn used_arms(registration: &Registration) -> Vec<ArmRef> {
    let confirmatory = registration
        .predictions
        .iter()
        .filter(|known| known.confirmatory);
    let named = confirmatory.flat_map(picklock_record::Prediction::arms);
    let mut arms: Vec<ArmRef> = named.map(|arm| arm.absolute(&registration.name)).collect();
    arms.sort();
    arms.dedup();
    arms
}

/// A verdict in words.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "holds",
        Verdict::Fails => "fails",
        Verdict::Inconclusive => "inconclusive",
        Verdict::NotTestable => "not testable",
    }
}
