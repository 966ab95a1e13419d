//! Two runs side by side: each prediction's effect in both, and the difference, paired where seeds
//! and locked models match.

use std::path::Path;

use picklock_message::{Error, Result};
use picklock_record::{ArmRef, Prediction};
use picklock_stats::Interval;
use serde::Serialize;

use crate::effect::{Effect, same_locks};
use crate::evidence::Evidence;
use crate::judgement::{JudgedClaim, Report, word};
use crate::numbers::Estimate;
use crate::render;
use crate::view::{Table, estimate};

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
    first: Sides,
    second: Sides,
    /// First - second.
    difference: Option<f64>,
    interval: Option<Interval>,
    /// `paired` over this many seeds, or `unpaired`.
    how: String,
}

#[derive(Serialize)]
struct Sides {
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
    let reports = [Report::new(&evidence[0])?, Report::new(&evidence[1])?];
    let mut lines = Vec::new();
    let mut notes = notes(&evidence, runs);
    for claim in &reports[0].claims {
        let name = &claim.registration.name;
        let Some(other) = reports[1]
            .claims
            .iter()
            .find(|known| known.registration.name == *name)
        else {
            notes.push(format!("{name} is judged in {} only", runs[0].display()));
            continue;
        };
        for (index, prediction) in claim.registration.predictions.iter().enumerate() {
            let found = other
                .registration
                .predictions
                .iter()
                .position(|known| known == prediction);
            match found {
                Some(at) => lines.push(line(&evidence, [(claim, index), (other, at)])),
                None => notes.push(format!(
                    "{name}: {} is not the same prediction in both runs; left out",
                    prediction.name
                )),
            }
        }
    }
    for claim in &reports[1].claims {
        let name = &claim.registration.name;
        if reports[0]
            .claims
            .iter()
            .all(|known| known.registration.name != *name)
        {
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

/// What is odd about each run, and what sets the two apart.
fn notes(evidence: &[Evidence; 2], runs: [&Path; 2]) -> Vec<String> {
    let of = |(evidence, run): (&Evidence, &Path)| -> Vec<String> {
        let notes = evidence.notes.iter();
        notes
            .map(|note| format!("{}: {note}", run.display()))
            .collect()
    };
    let mut notes: Vec<String> = evidence.iter().zip(runs).flat_map(of).collect();
    let [first, second] = evidence.each_ref().map(|evidence| &evidence.manifest);
    let pairs = [
        (
            "organism",
            first.organism.name.clone(),
            second.organism.name.clone(),
        ),
        (
            "environment",
            first.environment.numeric(),
            second.environment.numeric(),
        ),
        (
            "root seed",
            first.root_seed.to_string(),
            second.root_seed.to_string(),
        ),
        ("draws", first.draws.to_string(), second.draws.to_string()),
    ];
    for (what, first, second) in pairs {
        if first != second {
            notes.push(format!("different {what}: {first} and {second}"));
        }
    }
    if first.organism.name == second.organism.name && first.organism != second.organism {
        notes.push(format!("two versions of organism {}", first.organism.name));
    }
    notes
}

fn line(evidence: &[Evidence; 2], claims: [(&JudgedClaim, usize); 2]) -> Line {
    let sides = claims.map(|(claim, index)| {
        let estimate = estimate(&claim.effects[index], &claim.verdict.predictions[index]);
        Sides {
            estimate: estimate.points,
            interval: estimate.interval,
            seeds: estimate.seeds,
            text: estimate.text(),
        }
    });
    let (claim, index) = claims[0];
    let prediction = &claim.registration.predictions[index];
    let effects = claims.map(|(claim, index)| &claim.effects[index]);
    let home = &claim.registration.name;
    let (difference, how) = difference(evidence, home, prediction, effects);
    let [first, second] = sides;
    Line {
        hypothesis: home.clone(),
        prediction: prediction.name.clone(),
        verdicts: claims.map(|(claim, index)| word(claim.verdict.predictions[index].verdict)),
        first,
        second,
        difference: difference.points,
        interval: difference.interval,
        how,
    }
}

/// First - second with its 95% interval: over the seeds that have the same locked models in both
/// runs where all of both runs' seeds do, else from each run's own interval.
fn difference(
    evidence: &[Evidence; 2],
    home: &str,
    prediction: &Prediction,
    effects: [&Effect; 2],
) -> (Estimate, String) {
    let [first, second] = effects.map(|effect| &effect.per_seed);
    let shared: Vec<u32> = first
        .keys()
        .filter(|seed| second.contains_key(seed) && same_models(evidence, home, prediction, **seed))
        .copied()
        .collect();
    if shared.len() == first.len().max(second.len()) && !shared.is_empty() {
        let values: Vec<f64> = shared
            .iter()
            .map(|seed| first[seed] - second[seed])
            .collect();
        let how = format!("paired, {} seeds", shared.len());
        return (Estimate::of(&values, 0.95), how);
    }
    let [first, second] = effects.map(|effect| Estimate::of_effect(effect, 0.95));
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
    let columns = [
        "prediction",
        "#first (interval)",
        "#second (interval)",
        "#first - second (95% interval)",
        "how",
        "verdicts",
    ];
    let mut table = Table::new("", &columns);
    for line in lines {
        let difference = Estimate {
            points: line.difference,
            interval: line.interval,
            p: None,
            seeds: line.first.seeds,
        };
        let [first, second] = line.verdicts;
        let verdicts = match first == second {
            true => first.to_string(),
            false => format!("{first}, {second}"),
        };
        table.row([
            format!("{}/{}", line.hypothesis, line.prediction),
            line.first.text.clone(),
            line.second.text.clone(),
            difference.text(),
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
