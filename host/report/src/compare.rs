//! Two runs side by side: each prediction's effect in both, and the difference, paired where seeds
//! and locked models match.

use std::path::Path;

use picklock_message::{Error, Result};
use picklock_record::{ArmRef, Manifest, Prediction};
use picklock_stats::Interval;
use serde::Serialize;

use crate::analysis::{Analysis, ClaimAnalysis, PredictionAnalysis, same_locks};
use crate::evidence::Evidence;
use crate::numbers::Estimate;
use crate::render;
use crate::table::Table;

/// How to print a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For a terminal.
    Text,
    /// As a Markdown table.
    Markdown,
    /// As JSON, one object for each prediction.
    Json,
}

/// Two runs side by side.
pub struct Comparison {
    /// As text, in the form that was asked for.
    pub text: String,
    /// What is missing, damaged or different about the runs: a line each.
    pub notes: Vec<String>,
}

/// One prediction in both runs; effects in percentage points.
#[derive(Serialize)]
struct Line {
    hypothesis: String,
    prediction: String,
    verdicts: [&'static str; 2],
    first: Side,
    second: Side,
    /// First - second.
    difference: Option<f64>,
    interval: Option<Interval>,
    /// `paired` over this many seeds, or `unpaired`.
    how: String,
    /// The difference as text.
    #[serde(skip)]
    text: String,
}

/// The prediction in one run.
#[derive(Serialize)]
struct Side {
    estimate: Option<f64>,
    interval: Option<Interval>,
    seeds: usize,
    #[serde(skip)]
    text: String,
}

/// Sets two runs side by side.
///
/// # Errors
/// Where one can't be read, or they have no prediction in common.
pub fn compare(runs: [&Path; 2], form: Form) -> Result<Comparison> {
    let evidence = [Evidence::read(runs[0])?, Evidence::read(runs[1])?];
    let analyses = [Analysis::new(&evidence[0])?, Analysis::new(&evidence[1])?];
    let mut lines = Vec::new();
    let mut notes = notes(&evidence, runs);
    for claim in &analyses[0].claims {
        let name = &claim.registration.name;
        let Some(other) = claim_of(&analyses[1], name) else {
            notes.push(format!("{name} is judged in {} only", runs[0].display()));
            continue;
        };
        for prediction in &claim.predictions {
            let mut others = other.predictions.iter();
            match others.find(|known| known.registered == prediction.registered) {
                Some(second) => lines.push(line(&evidence, name, [prediction, second])),
                None => notes.push(format!(
                    "{name}: {} is not the same prediction in both runs; left out",
                    prediction.registered.name
                )),
            }
        }
    }
    for claim in &analyses[1].claims {
        let name = &claim.registration.name;
        if claim_of(&analyses[0], name).is_none() {
            notes.push(format!("{name} is judged in {} only", runs[1].display()));
        }
    }
    if lines.is_empty() {
        let [first, second] = runs.map(|run| run.display().to_string());
        let problem = format!("{first} and {second} have no prediction in common");
        return Err(Error::Usage(problem));
    }
    let text = match form {
        Form::Text => render::aligned(&table(&lines)),
        Form::Markdown => render::markdown_table(&table(&lines)),
        Form::Json => {
            serde_json::to_string_pretty(&lines).map_err(|error| Error::Usage(error.to_string()))?
                + "\n"
        }
    };
    Ok(Comparison { text, notes })
}

fn claim_of<'a>(analysis: &'a Analysis, name: &str) -> Option<&'a ClaimAnalysis<'a>> {
    let mut claims = analysis.claims.iter();
    claims.find(|claim| claim.registration.name == name)
}

/// What is odd about each run, and what sets the two apart.
fn notes(evidence: &[Evidence; 2], runs: [&Path; 2]) -> Vec<String> {
    let mut notes = Vec::new();
    for (evidence, run) in evidence.iter().zip(runs) {
        let own = evidence.notes.iter();
        notes.extend(own.map(|note| format!("{}: {note}", run.display())));
    }
    let [first, second] = evidence.each_ref().map(|evidence| &evidence.manifest);
    let facts = |manifest: &Manifest| {
        [
            manifest.organism.name.clone(),
            manifest.environment.numeric(),
            manifest.root_seed.to_string(),
            manifest.draws.to_string(),
        ]
    };
    let names = ["organism", "environment", "root seed", "draws"];
    let pairs = names
        .into_iter()
        .zip(facts(first).into_iter().zip(facts(second)));
    for (what, (first, second)) in pairs {
        if first != second {
            notes.push(format!("different {what}: {first} and {second}"));
        }
    }
    if first.organism.name == second.organism.name && first.organism != second.organism {
        notes.push(format!("two versions of organism {}", first.organism.name));
    }
    notes
}

fn line(evidence: &[Evidence; 2], home: &str, both: [&PredictionAnalysis; 2]) -> Line {
    let [first, second] = both.map(|prediction| {
        let estimate = prediction.estimate();
        Side {
            estimate: estimate.points,
            interval: estimate.interval,
            seeds: estimate.seeds,
            text: estimate.text(),
        }
    });
    let (difference, how) = difference(evidence, home, both);
    let seeds = first.seeds;
    Line {
        hypothesis: home.to_string(),
        prediction: both[0].registered.name.clone(),
        verdicts: both.map(|prediction| prediction.verdict.verdict.word()),
        first,
        second,
        difference: difference.points,
        interval: difference.interval,
        text: Estimate {
            seeds,
            ..difference
        }
        .text(),
        how,
    }
}

/// First - second with its 95% interval: over the seeds that have the same locked models in both
/// runs where all of both runs' seeds do, else from each run's own interval.
fn difference(
    evidence: &[Evidence; 2],
    home: &str,
    both: [&PredictionAnalysis; 2],
) -> (Estimate, String) {
    let effects = both.map(|prediction| &prediction.compared.effect);
    let [first, second] = effects.map(|effect| &effect.per_seed);
    let registered = both[0].registered;
    let mut values = Vec::new();
    for (seed, value) in first {
        let other = second.get(seed);
        if let Some(other) = other.filter(|_| same_models(evidence, home, registered, *seed)) {
            values.push(value - other);
        }
    }
    if values.len() == first.len().max(second.len()) && !values.is_empty() {
        let how = format!("paired, {} seeds", values.len());
        return (Estimate::of(&values, 0.95), how);
    }
    let [first, second] = effects.map(|effect| effect.estimate(0.95));
    (unpaired(&first, &second), "unpaired".to_string())
}

/// The difference of two independent means, its interval recovered from theirs (Zou and Donner
/// 2008): `d -+ sqrt(reach_1^2 + reach_2^2)` where the intervals are symmetric.
fn unpaired(first: &Estimate, second: &Estimate) -> Estimate {
    let points = first.points.zip(second.points).map(|(a, b)| a - b);
    let ends = first.interval.zip(second.interval).zip(points);
    let interval = ends.map(|((a, b), difference)| {
        let reach = |interval: Interval| (interval.high - interval.low) / 2.0;
        let reach = reach(a).hypot(reach(b));
        Interval {
            low: difference - reach,
            high: difference + reach,
            level: a.level,
        }
    });
    Estimate {
        points,
        interval,
        p: None,
        seeds: first.seeds.min(second.seeds),
    }
}

/// Whether a seed's trials of a prediction's arms started from the same locked models in both runs.
fn same_models(evidence: &[Evidence; 2], home: &str, prediction: &Prediction, seed: u32) -> bool {
    let mut arms = prediction.arms().into_iter().map(|arm| arm.absolute(home));
    let locks = |evidence: &Evidence, arm: &ArmRef| {
        let mut trials = evidence.trials(arm);
        let trial = trials.find(|trial| trial.member.seed == seed);
        trial.map(|trial| trial.locks.clone()).unwrap_or_default()
    };
    let [first, second] = evidence;
    arms.all(|arm| {
        let (a, b) = (locks(first, &arm), locks(second, &arm));
        // A lock that only one of them knows under this specification is another lock.
        a.len() == b.len() && same_locks(&a, &b) && a.iter().zip(&b).all(|(a, b)| a.spec == b.spec)
    })
}

fn table(lines: &[Line]) -> Table {
    let columns = "prediction | #first (interval) | #second (interval) | \
        #first - second (95% interval) | how | verdicts";
    let mut table = Table::new("", columns);
    for line in lines {
        let [first, second] = line.verdicts;
        let verdicts = if first == second {
            first.to_string()
        } else {
            format!("{first}, {second}")
        };
        table.row([
            format!("{}/{}", line.hypothesis, line.prediction),
            line.first.text.clone(),
            line.second.text.clone(),
            line.text.clone(),
            line.how.clone(),
            verdicts,
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unpaired_interval_is_recovered_from_two() {
        let one = |points: f64, reach: f64| Estimate {
            points: Some(points),
            interval: Some(Interval {
                low: points - reach,
                high: points + reach,
                level: 0.95,
            }),
            p: None,
            seeds: 4,
        };
        let difference = unpaired(&one(10.0, 3.0), &one(4.0, 4.0));
        assert_eq!(difference.points, Some(6.0));
        let interval = difference.interval.unwrap();
        assert_eq!((interval.low, interval.high), (1.0, 11.0));
    }
}
