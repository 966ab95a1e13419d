//! The derived CSV files. Equal journals give equal bytes.

use std::io::Write;
use std::path::Path;

use picklock_files::{write_atomically, write_through};
use picklock_grade::Grade;
use picklock_message::{Error, Result};
use picklock_record::{ArmRef, Outcome};
use serde::Serialize;

use crate::evidence::Evidence;
use crate::judgement::{JudgedClaim, Report, word};
use crate::numbers;
use crate::trial::{Graded, Trial};

/// The version of the tables. It rises where a column changes its meaning or goes; columns that are
/// added on the right don't change it.
pub const TABLES: u32 = 1;

/// Writes `trials.csv`, `outcomes.csv` and `summary.csv`.
///
/// # Errors
/// Where the folder can't be written.
pub fn write(run: &Path, evidence: &Evidence, report: &Report) -> Result<()> {
    let rows = trials(evidence).flat_map(|(arm, trial)| rows_of_trial(&arm, trial));
    table(&run.join("trials.csv"), rows.collect::<Vec<_>>())?;
    write_through(&run.join("outcomes.csv"), |file| outcomes(file, evidence))?;
    let rows: Vec<SummaryRow> = report.claims.iter().flat_map(summary_rows).collect();
    table(&run.join("summary.csv"), rows)
}

fn table<R: Serialize>(path: &Path, rows: Vec<R>) -> Result<()> {
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

fn rows_of_trial(arm: &ArmRef, trial: &Trial) -> Vec<TrialRow> {
    let (status, reason) = match &trial.outcome {
        Outcome::Done => ("done", ""),
        Outcome::Failed { reason } => ("failed", reason.as_str()),
    };
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
        locked_digest: trial
            .locks
            .first()
            .map(|lock| lock.digest.clone())
            .unwrap_or_default(),
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
    let rows: Vec<TrialRow> = measures.chain(metrics).collect();
    if rows.is_empty() { vec![row("")] } else { rows }
}

/// One row for each graded problem. There are millions of them, so that each measure's first
/// columns are put together once.
fn outcomes(file: &mut dyn Write, evidence: &Evidence) -> std::io::Result<()> {
    writeln!(file, "hypothesis,arm,seed,draw,measure,problem,outcome")?;
    let mut lines = Vec::new();
    for (arm, trial) in trials(evidence) {
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
    trial: &Trial,
    measure: &Graded,
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
    first.extend(crate::show::part_name(measure.questions.split).bytes());
    first.push(b'-');
    for (index, letter) in measure.grades.chars().enumerate() {
        lines.extend(&first);
        let word = Grade::from_letter(letter).map_or("", Grade::word);
        writeln!(lines, "{index},{word}")?;
    }
    Ok(())
}

fn trials(evidence: &Evidence) -> impl Iterator<Item = (ArmRef, &Trial)> {
    let of_arm = |arm: ArmRef| evidence.trials(&arm).map(move |trial| (arm.clone(), trial));
    evidence.arms().into_iter().flat_map(of_arm)
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

fn summary_rows(claim: &JudgedClaim) -> Vec<SummaryRow<'_>> {
    let verdict = &claim.verdict;
    let deviations: Vec<String> = verdict.deviations.iter().map(ToString::to_string).collect();
    let deviations = deviations.join("; ");
    let predictions = verdict.predictions.iter().enumerate();
    predictions
        .map(|(index, prediction)| {
            let effect = &claim.effects[index];
            let registered = &claim.registration.predictions[index];
            let judgement = prediction.judgement.as_ref();
            // One seed: what is shown speaks of its problems only.
            let problems = claim.problems_only[index].as_ref();
            let interval = problems.and_then(|test| test.interval.as_ref());
            let checks = &claim.checks[index];
            let bootstrap = checks.bootstrap.as_ref();
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
                verdict: word(prediction.verdict),
                reason: reason(&prediction.reason, problems),
                ci_level: number(judgement.map(|j| j.ci_level), interval.map(|i| i.level)),
                treated: registered.treated.to_string(),
                control: registered.control.to_string(),
                confirmatory: prediction.confirmatory,
                seeds_needed: prediction.seeds_needed,
                claim_verdict: word(verdict.verdict),
                claim_reason: &verdict.reason,
                exploratory: verdict.exploratory,
                deviations: deviations.clone(),
                generalises_to: &claim.generalises_to[index],
                bootstrap_low_pp: bootstrap.map(|interval| interval.low),
                bootstrap_high_pp: bootstrap.map(|interval| interval.high),
                sign_flip_p: checks.sign_flip.map(|test| test.p),
                sign_flip_smallest_p: checks.sign_flip.map(|test| test.smallest),
                ratio: checks
                    .ratio
                    .as_ref()
                    .map(numbers::ratio)
                    .unwrap_or_default(),
            }
        })
        .collect()
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
