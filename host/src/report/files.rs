//! The derived CSV files. Equal journals give equal bytes.

use std::path::Path;

use serde::Serialize;

use super::evidence::Evidence;
use super::judgement::{JudgedClaim, Report};
use crate::error::{Error, Result};
use crate::journal::write_atomically;
use crate::lab::{Outcome, TrialRecord};
use crate::task::Grade;

/// Writes `trials.csv`, `outcomes.csv` and `summary.csv`.
///
/// # Errors
/// Where the folder can't be written.
pub fn write(run: &Path, evidence: &Evidence, report: &Report) -> Result<()> {
    table(&run.join("trials.csv"), trial_rows(evidence))?;
    table(&run.join("outcomes.csv"), outcome_rows(evidence))?;
    table(
        &run.join("summary.csv"),
        report.claims.iter().flat_map(summary_rows),
    )
}

fn table<R: Serialize>(path: &Path, rows: impl Iterator<Item = R>) -> Result<()> {
    let refused = |error: csv::Error| Error::file(path, error.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(refused)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| Error::file(path, error.to_string()))?;
    write_atomically(path, &bytes)
}

/// One trial and one thing that it measured or recorded.
#[derive(Serialize)]
struct TrialRow<'a> {
    hypothesis: &'a str,
    arm: &'a str,
    seed: u32,
    draw: u32,
    status: &'a str,
    /// A measure, or a metric that the plugin recorded.
    name: &'a str,
    /// Accuracy from 0 to 1, or the metric's value.
    value: Option<f64>,
    correct: Option<usize>,
    unparsed: Option<usize>,
    problems: Option<usize>,
    locked_digest: &'a str,
    reason: &'a str,
}

fn trial_rows(evidence: &Evidence) -> impl Iterator<Item = TrialRow<'_>> {
    let of_trial = |(hypothesis, arm, trial)| rows_of_trial(hypothesis, arm, trial);
    trials(evidence).into_iter().flat_map(of_trial)
}

fn rows_of_trial<'a>(
    hypothesis: &'a str,
    arm: &'a str,
    trial: &'a TrialRecord,
) -> Vec<TrialRow<'a>> {
    let (status, reason) = match &trial.outcome {
        Outcome::Done => ("done", ""),
        Outcome::Failed { reason } => ("failed", reason.as_str()),
    };
    let row = |name| TrialRow {
        hypothesis,
        arm,
        seed: trial.member.seed,
        draw: trial.member.draw,
        status,
        name,
        value: None,
        correct: None,
        unparsed: None,
        problems: None,
        locked_digest: trial.locks.first().map_or("", |lock| lock.digest.as_str()),
        reason,
    };
    let measures = trial.measures.iter().map(|measure| {
        let count = |letter| {
            measure
                .grades
                .chars()
                .filter(|grade| *grade == letter)
                .count()
        };
        let problems = measure.grades.len();
        TrialRow {
            value: Some(count('c') as f64 / problems.max(1) as f64),
            correct: Some(count('c')),
            unparsed: Some(count('u')),
            problems: Some(problems),
            ..row(&measure.name)
        }
    });
    let metrics = trial.metrics.iter().map(|metric| TrialRow {
        value: Some(metric.value),
        ..row(&metric.name)
    });
    let rows: Vec<TrialRow> = measures.chain(metrics).collect();
    if rows.is_empty() { vec![row("")] } else { rows }
}

/// One graded problem.
#[derive(Serialize)]
struct OutcomeRow<'a> {
    hypothesis: &'a str,
    arm: &'a str,
    seed: u32,
    draw: u32,
    measure: &'a str,
    problem: String,
    outcome: &'a str,
}

fn outcome_rows(evidence: &Evidence) -> impl Iterator<Item = OutcomeRow<'_>> {
    trials(evidence)
        .into_iter()
        .flat_map(|(hypothesis, arm, trial)| {
            trial.measures.iter().flat_map(move |measure| {
                let part = super::show::part_name(measure.questions.split);
                measure
                    .grades
                    .chars()
                    .enumerate()
                    .map(move |(index, letter)| OutcomeRow {
                        hypothesis,
                        arm,
                        seed: trial.member.seed,
                        draw: trial.member.draw,
                        measure: &measure.name,
                        problem: format!("{part}-{index}"),
                        outcome: Grade::from_letter(letter).map_or("", Grade::word),
                    })
            })
        })
}

fn trials(evidence: &Evidence) -> Vec<(&str, &str, &TrialRecord)> {
    let hypotheses = &evidence.manifest.hypotheses;
    let arms = hypotheses.iter().flat_map(|hypothesis| {
        hypothesis
            .arms
            .iter()
            .map(|arm| (hypothesis.name.as_str(), arm.name()))
    });
    arms.flat_map(|(hypothesis, arm)| {
        let trials = evidence.trials(&crate::hypothesis::ArmRef::of(hypothesis, arm));
        trials
            .map(|trial| (hypothesis, arm, trial))
            .collect::<Vec<_>>()
    })
    .collect()
}

/// One prediction. Columns are added to the right only.
#[derive(Serialize)]
struct SummaryRow<'a> {
    hypothesis: &'a str,
    prediction: &'a str,
    estimate_pp: Option<f64>,
    ci_low_pp: Option<f64>,
    ci_high_pp: Option<f64>,
    p: Option<f64>,
    p_adjusted: Option<f64>,
    n_seeds: usize,
    n_draws: u32,
    n_problems: u32,
    verdict: String,
    reason: String,
    ci_level: Option<f64>,
    treated: String,
    control: String,
    confirmatory: bool,
    seeds_needed: Option<usize>,
    claim_verdict: String,
    claim_reason: &'a str,
    exploratory: bool,
    deviations: String,
}

fn summary_rows(claim: &JudgedClaim) -> Vec<SummaryRow<'_>> {
    let verdict = &claim.verdict;
    let predictions = verdict.predictions.iter().enumerate();
    predictions
        .map(|(index, prediction)| {
            let effect = &claim.effects[index];
            let registered = &claim.registration.predictions[index];
            let judgement = prediction.judgement.as_ref();
            // One seed: what is shown speaks of its problems only.
            let problems = claim.problems_only[index].as_ref();
            let interval = problems.and_then(|test| test.interval.as_ref());
            let number = |seeds: Option<f64>, problems: Option<f64>| seeds.or(problems);
            SummaryRow {
                hypothesis: &claim.registration.name,
                prediction: &prediction.name,
                estimate_pp: number(judgement.map(|j| j.estimate), problems.map(|t| t.estimate)),
                ci_low_pp: number(judgement.map(|j| j.ci_low), interval.map(|i| i.low)),
                ci_high_pp: number(judgement.map(|j| j.ci_high), interval.map(|i| i.high)),
                p: number(judgement.and_then(|j| j.p), problems.map(|t| t.p)),
                p_adjusted: verdict.p_adjusted,
                n_seeds: effect.per_seed.len(),
                n_draws: effect.draws,
                n_problems: effect.problems,
                verdict: word(&prediction.verdict),
                reason: reason(&prediction.reason, problems),
                ci_level: number(judgement.map(|j| j.ci_level), interval.map(|i| i.level)),
                treated: registered.treated.to_string(),
                control: registered.control.to_string(),
                confirmatory: prediction.confirmatory,
                seeds_needed: prediction.seeds_needed,
                claim_verdict: word(&verdict.verdict),
                claim_reason: &verdict.reason,
                exploratory: verdict.exploratory,
                deviations: deviations(claim),
            }
        })
        .collect()
}

/// The deviations from the pre-registration, in words.
pub fn deviations(claim: &JudgedClaim) -> String {
    let texts: Vec<String> = claim
        .verdict
        .deviations
        .iter()
        .map(ToString::to_string)
        .collect();
    texts.join("; ")
}

fn reason(reason: &str, problems: Option<&picklock_stats::McNemar>) -> String {
    match problems {
        None => reason.to_string(),
        Some(test) => format!(
            "{reason}; of this one model's first draw, McNemar's exact test says {:+.1} points, p = {:.4}: \
             that generalises to new problems only",
            test.estimate, test.p
        ),
    }
}

/// A verdict in words.
pub fn word(verdict: &picklock_stats::Verdict) -> String {
    use picklock_stats::Verdict;
    match verdict {
        Verdict::Holds => "holds",
        Verdict::Fails => "fails",
        Verdict::Inconclusive => "inconclusive",
        Verdict::NotTestable => "not testable",
    }
    .to_string()
}
