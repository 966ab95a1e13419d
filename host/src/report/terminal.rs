//! What a run ends with on the terminal: the arms, then the claims with their verdicts.

use std::fmt::Write;

use picklock_sdk::HELD_OUT;
use picklock_stats::{Gate, SeedMean};

use super::evidence::{Evidence, mean};
use super::files::{deviations, word};
use super::judgement::{JudgedClaim, Report};
use crate::hypothesis::ArmRef;

/// The tables, as text.
pub fn tables(evidence: &Evidence, report: &Report) -> String {
    let mut text = header(evidence);
    text += &arms(evidence);
    for claim in &report.claims {
        text += &claim_text(claim);
    }
    text
}

fn header(evidence: &Evidence) -> String {
    let manifest = &evidence.manifest;
    format!(
        "\n{}: {} seeds x {} draws x {} problems, on {}\n\
         the weak model learned from a designed, flawed teacher\n\n",
        manifest.organism.name,
        manifest.seeds,
        manifest.draws,
        manifest.organism.problems.held_out,
        manifest.environment.device
    )
}

fn arms(evidence: &Evidence) -> String {
    let mut rows = vec![
        [
            "arm",
            "accuracy",
            "against",
            "effect in points (95% interval)",
            "p",
        ]
        .map(String::from),
    ];
    for arm in evidence.arms() {
        let accuracy: Vec<f64> = evidence.accuracy(&arm, HELD_OUT).into_values().collect();
        if accuracy.is_empty() {
            continue;
        }
        let control = control_of(evidence, &arm);
        let [effect, p] = match &control {
            None => [String::new(), String::new()],
            Some(control) => effect_cells(&evidence.effect(&arm, control).values()),
        };
        let against = control
            .map(|control| control.to_string())
            .unwrap_or_default();
        rows.push([
            arm.to_string(),
            format!("{:.1}%", mean(&accuracy)),
            against,
            effect,
            p,
        ]);
    }
    aligned(&rows)
}

fn control_of(evidence: &Evidence, arm: &ArmRef) -> Option<ArmRef> {
    let home = arm.hypothesis.as_deref()?;
    let registration = evidence
        .registrations
        .iter()
        .find(|known| known.name == home)?;
    Some(registration.arm(&arm.arm)?.control.as_ref()?.absolute(home))
}

fn effect_cells(values: &[f64]) -> [String; 2] {
    let Ok(seeds) = SeedMean::of(values) else {
        let effect = values
            .first()
            .map(|effect| format!("{effect:+.1} (one seed)"));
        return [effect.unwrap_or_default(), String::new()];
    };
    let effect = match seeds.interval(0.95) {
        Ok(interval) => {
            format!(
                "{:+.1} ({:+.1} to {:+.1})",
                seeds.estimate, interval.low, interval.high
            )
        }
        Err(_) => format!("{:+.1}", seeds.estimate),
    };
    [effect, seeds.p().map(p_text).unwrap_or_default()]
}

fn p_text(p: f64) -> String {
    if p < 0.0001 {
        "< 0.0001".into()
    } else {
        format!("{p:.4}")
    }
}

fn aligned(rows: &[[String; 5]]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..5).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn claim_text(claim: &JudgedClaim) -> String {
    let verdict = &claim.verdict;
    let exploratory = if verdict.exploratory {
        ", exploratory"
    } else {
        ""
    };
    let mut text = format!(
        "\n{}: {}{exploratory}\n  \"{}\" ({})\n",
        claim.registration.name,
        word(&verdict.verdict).to_uppercase(),
        claim.registration.claim,
        claim.registration.said_by,
    );
    // A claim that one prediction decides has that prediction's reason, which follows below.
    if verdict
        .predictions
        .iter()
        .all(|known| !verdict.reason.ends_with(&known.reason))
    {
        // Writing to a string can't fail.
        let _ = writeln!(text, "  {}", verdict.reason);
    }
    for (prediction, mcnemar) in verdict.predictions.iter().zip(&claim.problems_only) {
        let role = if prediction.confirmatory {
            ""
        } else {
            ", descriptive"
        };
        let _ = writeln!(
            text,
            "  - {} ({}{role}): {}",
            prediction.name,
            word(&prediction.verdict),
            prediction.reason
        );
        if let Some(test) = mcnemar {
            let _ = writeln!(
                text,
                "    McNemar's exact test on the first draw's problems: {:+.1} points, p {}",
                test.estimate,
                p_text(test.p)
            );
        }
    }
    match &claim.gate {
        Gate::Passed => text += "  gate: passed\n",
        Gate::Failed(reason) => _ = writeln!(text, "  gate: FAILED, {reason}"),
        Gate::NotApplicable(reason) => _ = writeln!(text, "  gate: not applicable, {reason}"),
    }
    let deviations = deviations(claim);
    if !deviations.is_empty() {
        let _ = writeln!(text, "  deviations: {deviations}");
    }
    text
}
