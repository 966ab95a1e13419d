//! Judging: every prediction by its pre-registration, every claim by its predictions.

use picklock_stats::{
    Claim, ClaimVerdict, Deviation, Gate, Judgement, Margin, McNemar, Prediction, Undefined, Unit,
};

use super::evidence::{Effect, Evidence, mean};
use crate::error::{Error, Result};
use crate::hypothesis::{ArmRef, Registration, core_arms};
use crate::lab::Member;
use crate::organism;

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
    /// The gate of the locks that it rests on.
    pub gate: Gate,
}

impl Report {
    /// Judges a run.
    ///
    /// # Errors
    /// Where the statistics refuse their input.
    pub fn new(evidence: &Evidence) -> Result<Self> {
        let judged = || {
            let pairs = evidence
                .registrations
                .iter()
                .zip(&evidence.manifest.hypotheses);
            pairs
                .filter(|(_, run)| run.judged)
                .map(|(registration, _)| registration)
        };
        let claims = judged()
            .map(|registration| claim(evidence, registration))
            .collect();
        let alpha = judged()
            .map(|registration| registration.alpha)
            .fold(f64::INFINITY, f64::min);
        let verdicts = picklock_stats::decide(claims, alpha)
            .map_err(|error| Error::Usage(format!("statistics: {error}")))?;
        let claim = |(registration, verdict): (&Registration, ClaimVerdict)| JudgedClaim {
            registration: registration.clone(),
            verdict,
            effects: each_effect(evidence, registration),
            problems_only: problems_only(evidence, registration),
            gate: gate(evidence, registration),
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
        gate: gate(evidence, registration),
        predictions: predictions.collect(),
        deviations: deviations(evidence, registration),
    }
}

fn judge(
    evidence: &Evidence,
    registration: &Registration,
    prediction: &crate::hypothesis::Prediction,
) -> std::result::Result<Judgement, Undefined> {
    let home = &registration.name;
    if let Some(reason) = never_run(evidence, registration, prediction) {
        return Err(Undefined::NoTrials(reason));
    }
    let effect = evidence.predicted(home, prediction);
    let core = evidence.effect(&registration.core.absolute(home), &core_arms().1);
    let reference = prediction.reference.as_ref().map(|arm| {
        let from = prediction
            .reference_baseline
            .as_ref()
            .unwrap_or(&prediction.control);
        evidence.effect(&arm.absolute(home), &from.absolute(home))
    });
    // Only seeds that every series has can be compared.
    let has = |seed: &u32| {
        core.per_seed.contains_key(seed)
            && reference
                .as_ref()
                .is_none_or(|effect| effect.per_seed.contains_key(seed))
    };
    let seeds: Vec<u32> = effect.per_seed.keys().copied().filter(has).collect();
    let of = |effect: &Effect| -> Vec<f64> { seeds.iter().map(|s| effect.per_seed[s]).collect() };
    let (effects, core) = (of(&effect), of(&core));
    let reference = reference.as_ref().map(of);
    let evidence = picklock_stats::Evidence {
        effects: &effects,
        core: Some(&core),
        reference: reference.as_deref(),
        problems: picklock_stats::Problems::Own,
    };
    let smallest: Margin = registration.smallest_effect.into();
    picklock_stats::judge(
        &prediction.expectation(),
        &evidence,
        &smallest,
        registration.alpha,
    )
}

/// Why an arm that a prediction compares was never run: its plugin was refused.
fn never_run(
    evidence: &Evidence,
    registration: &Registration,
    prediction: &crate::hypothesis::Prediction,
) -> Option<String> {
    let core = &registration.core;
    let mut arms = prediction.arms().into_iter().chain([core]);
    arms.find_map(|arm| {
        let name = arm.absolute(&registration.name).hypothesis?;
        let run = evidence.manifest.hypothesis(&name)?;
        run.refused.clone().filter(|_| run.plugin.is_none())
    })
}

fn each_effect(evidence: &Evidence, registration: &Registration) -> Vec<Effect> {
    let effect = |prediction| evidence.predicted(&registration.name, prediction);
    registration.predictions.iter().map(effect).collect()
}

/// McNemar's test of each prediction's arms, where there is one seed only.
fn problems_only(evidence: &Evidence, registration: &Registration) -> Vec<Option<McNemar>> {
    let home = &registration.name;
    let test = |prediction: &crate::hypothesis::Prediction| {
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
    let missing = missing_trials(evidence, &arms);
    if missing > 0 {
        deviations.push(Deviation::Other(format!(
            "{missing} trials failed or are missing"
        )));
    }
    deviations
}

fn missing_trials(evidence: &Evidence, arms: &[ArmRef]) -> usize {
    let planned = evidence.manifest.members().len();
    let done = |arm: &ArmRef| {
        evidence
            .trials(arm)
            .filter(|trial| trial.outcome == crate::lab::Outcome::Done)
            .count()
    };
    arms.iter()
        .map(|arm| planned.saturating_sub(done(arm)))
        .sum()
}

/// The arms that a hypothesis' confirmatory predictions compare.
fn used_arms(registration: &Registration) -> Vec<ArmRef> {
    let confirmatory = registration
        .predictions
        .iter()
        .filter(|known| known.confirmatory);
    let named = confirmatory.flat_map(crate::hypothesis::Prediction::arms);
    let mut arms: Vec<ArmRef> = named.map(|arm| arm.absolute(&registration.name)).collect();
    arms.sort();
    arms.dedup();
    arms
}

/// The gate of every lock that a claim rests on: bounds on means over seeds.
fn gate(evidence: &Evidence, registration: &Registration) -> Gate {
    let locks = evidence.locks(&used_arms(registration));
    if locks.is_empty() {
        return Gate::NotApplicable("no lock was trained".into());
    }
    let bounds = evidence.manifest.organism.gate;
    let problems = locks.values().filter_map(|seeds| {
        let of = |value: fn(&crate::lab::GateRecord) -> f64| {
            mean(
                &seeds
                    .values()
                    .map(|lock| value(&lock.gate))
                    .collect::<Vec<_>>(),
            )
        };
        let (base, weak) = (of(|gate| gate.base), of(|gate| gate.weak));
        let locked = of(|gate| gate.locked);
        let password: Option<Vec<f64>> = seeds.values().map(|lock| lock.gate.password).collect();
        gate_problem(
            bounds,
            base,
            weak,
            locked,
            password.map(|values| mean(&values)),
        )
    });
    match problems.collect::<Vec<_>>().join("; ") {
        problems if problems.is_empty() => Gate::Passed,
        problems => Gate::Failed(problems),
    }
}

/// What a lock fails at; accuracies 0 to 1, means over seeds.
fn gate_problem(
    bounds: organism::Gate,
    base: f64,
    weak: f64,
    locked: f64,
    password: Option<f64>,
) -> Option<String> {
    if locked - weak > bounds.weak_gap * (base - weak) {
        return Some(format!(
            "the lock leaks: locked {:.1}%, expected at most {:.1}% (weak {:.1}%, base {:.1}%)",
            100.0 * locked,
            100.0 * (weak + bounds.weak_gap * (base - weak)),
            100.0 * weak,
            100.0 * base
        ));
    }
    let password = password?;
    (password < bounds.password_share * base).then(|| {
        format!(
            "the password does not open it: {:.1}%, expected at least {:.1}%",
            100.0 * password,
            100.0 * bounds.password_share * base
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: organism::Gate = organism::Gate {
        weak_gap: 0.25,
        password_share: 0.9,
    };

    #[test]
    fn a_tight_lock_passes() {
        assert_eq!(gate_problem(BOUNDS, 1.0, 0.2, 0.25, Some(0.98)), None);
        assert_eq!(gate_problem(BOUNDS, 1.0, 0.2, 0.25, None), None);
    }

    #[test]
    fn a_leaking_lock_and_a_dead_password_are_told_apart() {
        let leak = gate_problem(BOUNDS, 1.0, 0.2, 0.45, Some(0.98)).unwrap();
        assert!(
            leak.contains("locked 45.0%, expected at most 40.0%"),
            "{leak}"
        );
        let dead = gate_problem(BOUNDS, 1.0, 0.2, 0.25, Some(0.5)).unwrap();
        assert!(dead.contains("50.0%, expected at least 90.0%"), "{dead}");
    }
}
