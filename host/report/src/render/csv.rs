//! The derived CSV files. Equal journals give equal bytes.

use std::io::Write;
use std::path::Path;

use picklock_files::{write_atomically, write_through};
use picklock_grade::Grade;
use picklock_message::{Error, Result};
use picklock_record::{ArmRef, GradedMeasure, GradedTrial, Outcome};
use picklock_sdk::Split;
use picklock_stats::{Judgement, McNemar};
use serde::Serialize;

use crate::analysis::{Analysis, ClaimAnalysis, PredictionAnalysis};
use crate::evidence::Evidence;

/// Writes `trials.csv`, `outcomes.csv` and `summary.csv`.
///
/// # Errors
/// Where the folder can't be written.
pub fn write(run: &Path, analysis: &Analysis) -> Result<()> {
    let evidence = analysis.evidence;
    let rows = evidence
        .all_trials()
        .flat_map(|(arm, trial)| rows_of_trial(&arm, trial));
    table(&run.join("trials.csv"), rows)?;
    write_through(&run.join("outcomes.csv"), |file| outcomes(file, evidence))?;
    let predictions = analysis.claims.iter().flat_map(|claim| {
        let predictions = claim.predictions.iter();
        predictions.map(move |prediction| SummaryRow::new(claim, prediction))
    });
    table(&run.join("summary.csv"), predictions)
}

fn table<R: Serialize>(path: &Path, rows: impl Iterator<Item = R>) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        let written = writer.serialize(row);
        written.map_err(|error| Error::file(path, error.to_string()))?;
    }
    let bytes = writer.into_inner();
    let bytes = bytes.map_err(|error| Error::file(path, error.to_string()))?;
    write_atomically(path, &bytes)
}

/// One trial and one thing that it measured or recorded.
#[derive(Serialize)]
struct TrialRow {
    hypothesis: String,
    arm: String,
    seed: u32,
    draw: u32,
    status: &'static str,
    /// A measure, or a metric that the plugin recorded.
    name: String,
    /// Accuracy from 0 to 1, empty where there was no password to ask with; or the metric's value.
    value: Option<f64>,
    correct: Option<usize>,
    unparsed: Option<usize>,
    problems: Option<usize>,
    locked_digest: String,
    reason: String,
}

fn rows_of_trial(arm: &ArmRef, trial: &GradedTrial) -> Vec<TrialRow> {
    let (status, reason) = match &trial.outcome {
        Outcome::Done => ("done", ""),
        Outcome::Failed { reason } => ("failed", reason.as_str()),
    };
    let lock = trial.locks.first();
    let row = |name: &str| TrialRow {
        hypothesis: arm.hypothesis.clone().unwrap_or_default(),
        arm: arm.arm.clone(),
        seed: trial.member.seed,
        draw: trial.member.draw,
        status,
        name: name.to_string(),
        value: None,
        correct: None,
        unparsed: None,
        problems: None,
        locked_digest: lock.map(|lock| lock.digest.clone()).unwrap_or_default(),
        reason: reason.to_string(),
    };
    let measures = trial.measures.iter().map(|measure| {
        let (correct, problems) = (measure.count(Grade::Correct), measure.problems());
        TrialRow {
            value: (problems > 0).then(|| correct as f64 / problems as f64),
            correct: Some(correct),
            unparsed: Some(measure.count(Grade::Unparsed)),
            problems: Some(problems),
            reason: match problems {
                0 => "not measured: there is no password to ask with".into(),
                _ => reason.to_string(),
            },
            ..row(&measure.name)
        }
    });
    let metrics = trial.metrics.iter().map(|metric| TrialRow {
        value: metric.value,
        ..row(&metric.name)
    });
    let mut rows: Vec<TrialRow> = measures.chain(metrics).collect();
    if rows.is_empty() {
        rows.push(row(""));
    }
    rows
}

/// One row for each graded problem. There are millions of them, so that each measure's first
/// columns are put together once.
fn outcomes(file: &mut dyn Write, evidence: &Evidence) -> std::io::Result<()> {
    writeln!(file, "hypothesis,arm,seed,draw,measure,problem,outcome")?;
    let mut lines = Vec::new();
    for (arm, trial) in evidence.all_trials() {
        for measure in &trial.measures {
            lines.clear();
            outcome_rows(&mut lines, &arm, trial, measure)?;
            file.write_all(&lines)?;
        }
    }
    Ok(())
}

fn outcome_rows(
    lines: &mut Vec<u8>,
    arm: &ArmRef,
    trial: &GradedTrial,
    measure: &GradedMeasure,
) -> std::io::Result<()> {
    let mut first = csv::WriterBuilder::new()
        .terminator(csv::Terminator::Any(b','))
        .from_writer(Vec::new());
    first.write_record([
        arm.hypothesis.as_deref().unwrap_or_default(),
        &arm.arm,
        &trial.member.seed.to_string(),
        &trial.member.draw.to_string(),
        &measure.name,
    ])?;
    let mut first = first
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?;
    first.extend(split_name(measure.questions.split).bytes());
    first.push(b'-');
    for (index, letter) in measure.grades.chars().enumerate() {
        lines.extend(&first);
        let word = Grade::from_letter(letter).map_or("", Grade::word);
        writeln!(lines, "{index},{word}")?;
    }
    Ok(())
}

/// What problem ids of this split start with.
fn split_name(split: Split) -> &'static str {
    match split {
        Split::HeldOut => "held-out",
        Split::Validation => "validation",
    }
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
    verdict: &'static str,
    reason: String,
    ci_level: Option<f64>,
    treated: String,
    control: String,
    confirmatory: bool,
    seeds_needed: Option<usize>,
    claim_verdict: &'static str,
    claim_reason: &'a str,
    exploratory: bool,
    deviations: String,
    generalises_to: &'a str,
    bootstrap_low_pp: Option<f64>,
    bootstrap_high_pp: Option<f64>,
    sign_flip_p: Option<f64>,
    sign_flip_smallest_p: Option<f64>,
    ratio: String,
}

impl<'a> SummaryRow<'a> {
    fn new(claim: &'a ClaimAnalysis, prediction: &'a PredictionAnalysis) -> Self {
        let (claimed, verdict) = (&claim.verdict, &prediction.verdict);
        let (registered, checks) = (prediction.registered, &prediction.checks);
        let effect = &prediction.compared.effect;
        let deviations = claimed.deviations.iter().map(ToString::to_string);
        let judgement = verdict.judgement.as_ref();
        // One seed: what is shown speaks of its problems only.
        let problems = prediction.problems_only.as_ref();
        let judged = judgement.map(Judgement::interval);
        let interval = judged.or(problems.and_then(|test| test.interval));
        Self {
            hypothesis: &claim.registration.name,
            prediction: &registered.name,
            estimate_pp: judgement
                .map(|j| j.estimate)
                .or(problems.map(|t| t.estimate)),
            ci_low_pp: interval.map(|interval| interval.low),
            ci_high_pp: interval.map(|interval| interval.high),
            p: judgement.and_then(|j| j.p).or(problems.map(|t| t.p)),
            p_adjusted: claimed.p_adjusted,
            n_seeds: effect.per_seed.len(),
            n_draws: effect.draws,
            n_problems: effect.problems,
            verdict: verdict.verdict.word(),
            reason: reason(&verdict.reason, problems),
            ci_level: interval.map(|interval| interval.level),
            treated: registered.treated.to_string(),
            control: registered.control.to_string(),
            confirmatory: verdict.confirmatory,
            seeds_needed: verdict.seeds_needed,
            claim_verdict: claimed.verdict.word(),
            claim_reason: &claimed.reason,
            exploratory: claimed.exploratory,
            deviations: deviations.collect::<Vec<_>>().join("; "),
            generalises_to: &prediction.generalises_to,
            bootstrap_low_pp: checks.bootstrap.map(|interval| interval.low),
            bootstrap_high_pp: checks.bootstrap.map(|interval| interval.high),
            sign_flip_p: checks.sign_flip.map(|test| test.p),
            sign_flip_smallest_p: checks.sign_flip.map(|test| test.smallest),
            ratio: checks.ratio_text(),
        }
    }
}

fn reason(reason: &str, problems: Option<&McNemar>) -> String {
    problems.map_or_else(|| reason.to_string(), |test| {
        format!(
            "{reason}; of this one model's first draw, McNemar's exact test says {:+.1} points, p = {:.4}: \
             that generalises to new problems only",
            test.estimate, test.p
        )
    })
}
