//! Accuracy against a number: of steps, scales or rates that an arm measured at, or of a parameter
//! in which arms differ.

use std::collections::BTreeMap;

use picklock_record::{ArmRef, Lock, Organism, RunHypothesis};
use picklock_sdk::{Arm, Flag, HELD_OUT, Split, Value};

use crate::analysis::Analysis;
use crate::evidence::{Evidence, arms_of, mean};
use crate::figure::{Chart, Curve, Figure, Series, X};
use crate::numbers;
use crate::table::Table;

/// All curves of a hypothesis.
pub(super) fn figures(analysis: &Analysis, run: &RunHypothesis) -> Vec<Figure> {
    let evidence = analysis.evidence;
    let mut figures = Vec::new();
    let mut curves: Vec<(String, Axis, Vec<Series>)> = Vec::new();
    for arm in &run.arms {
        for (prefix, seeds) in measured(evidence, &ArmRef::of(&run.name, arm.name())) {
            let series = Series {
                name: arm.name().to_string(),
                seeds,
            };
            let axis = Axis::of(&prefix, arm.name());
            let mut known = curves.iter_mut();
            match known.find(|(name, of, _)| *name == prefix && *of == axis) {
                Some((_, _, lines)) => lines.push(series),
                None => curves.push((prefix, axis, vec![series])),
            }
        }
    }
    for (prefix, axis, series) in curves {
        let relative = if axis.relative { "relative-" } else { "" };
        let id = format!("{}-{relative}{prefix}", run.name);
        figures.extend(figure(analysis, run, id, axis, series));
    }
    for (parameter, series) in doses(evidence, run) {
        let (label, _) = dose(&evidence.manifest.organism, &parameter);
        let axis = Axis {
            label,
            ..Axis::default()
        };
        let id = format!("{}-by-{parameter}", run.name);
        figures.extend(figure(analysis, run, id, axis, series));
    }
    figures
}

/// What a curve's x axis shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Axis {
    label: String,
    /// Whether 1 is the size of the unlocking update.
    update: bool,
    /// Whether noise is relative to each tensor's weights.
    relative: bool,
}

impl Axis {
    /// Of measures called `PREFIX-NUMBER` by an arm. Names that the shipped hypotheses use are put
    /// into words; others stand as they are.
    fn of(prefix: &str, arm: &str) -> Self {
        let relative = prefix == "scale" && arm.starts_with("relative");
        let label = match prefix {
            "step" => "unlocking steps",
            "epoch" | "lock-epoch" => "lock epochs",
            "scale" if relative => "noise, in root mean squares of each tensor",
            "scale" => "noise, in norms of the unlocking update",
            "held-out" => "learning rate, in multiples of the organism's",
            other => other,
        };
        Self {
            label: label.to_string(),
            update: prefix == "scale" && !relative,
            relative,
        }
    }
}

/// Each seed's accuracy at each number, by the measures' name before the number.
fn measured(evidence: &Evidence, arm: &ArmRef) -> BTreeMap<String, Vec<BTreeMap<X, f64>>> {
    let mut names: BTreeMap<String, BTreeMap<X, String>> = BTreeMap::new();
    for trial in evidence.done(arm) {
        for measure in &trial.measures {
            let asked = &measure.questions;
            if let Some((prefix, x)) = numbered(&measure.name)
                && (asked.split, asked.flag) == (Split::HeldOut, Flag::None)
            {
                names
                    .entry(prefix)
                    .or_default()
                    .insert(x, measure.name.clone());
            }
        }
    }
    names.retain(|_, measures| measures.len() > 1);
    let lines = |measures: BTreeMap<X, String>| {
        let mut seeds: BTreeMap<u32, BTreeMap<X, f64>> = BTreeMap::new();
        for (x, name) in measures {
            for (seed, percent) in evidence.accuracy(arm, &name) {
                seeds.entry(seed).or_default().insert(x, percent);
            }
        }
        seeds.into_values().collect()
    };
    names
        .into_iter()
        .map(|(prefix, measures)| (prefix, lines(measures)))
        .collect()
}

/// `step-50` is 50 of `step`; `held-out-x0.333` is 0.333 of `held-out`.
fn numbered(name: &str) -> Option<(String, X)> {
    let (prefix, number) = name.rsplit_once('-')?;
    let number = number.strip_prefix('x').unwrap_or(number);
    Some((prefix.to_string(), X::of(number.parse().ok()?)?))
}

/// How a parameter is called on an axis, and what its numbers are multiplied by there.
fn dose(organism: &Organism, parameter: &str) -> (String, f64) {
    match parameter {
        "lock_share" => {
            let epochs = organism.lock.as_ref().map_or(1.0, Lock::epochs);
            ("lock epochs".to_string(), epochs)
        }
        other => (other.replace('_', " "), 1.0),
    }
}

/// Arms that differ in one number alone, in three or more values of it: for each such parameter
/// the lines of accuracy against it.
fn doses(evidence: &Evidence, run: &RunHypothesis) -> BTreeMap<String, Vec<Series>> {
    let mut groups: BTreeMap<(String, String), Vec<(X, &Arm)>> = BTreeMap::new();
    for arm in &run.arms {
        for (name, value) in arm.parameters() {
            let (_, unit) = dose(&evidence.manifest.organism, name);
            if let Value::Number(number) = value
                && let Some(x) = X::of(number * unit)
            {
                let rest = arm.parameters().filter(|(other, _)| *other != name);
                let rest = format!("{:?}", rest.collect::<Vec<_>>());
                groups
                    .entry((name.to_string(), rest))
                    .or_default()
                    .push((x, arm));
            }
        }
    }
    let mut doses: BTreeMap<String, Vec<Series>> = BTreeMap::new();
    for ((parameter, _), mut arms) in groups {
        arms.sort_by_key(|(x, _)| *x);
        arms.dedup_by_key(|(x, _)| *x);
        if arms.len() < 3 {
            continue;
        }
        let mut seeds: BTreeMap<u32, BTreeMap<X, f64>> = BTreeMap::new();
        for (x, arm) in &arms {
            let arm = ArmRef::of(&run.name, arm.name());
            for (seed, percent) in evidence.accuracy(&arm, HELD_OUT) {
                seeds.entry(seed).or_default().insert(*x, percent);
            }
        }
        let names: Vec<&str> = arms.iter().map(|(_, arm)| arm.name()).collect();
        doses.entry(parameter).or_default().push(Series {
            name: in_common(&names),
            seeds: seeds.into_values().collect(),
        });
    }
    doses
}

/// The words that names have in common: `unlock` of `full-unlock` and `half-unlock`.
fn in_common(names: &[&str]) -> String {
    let (first, rest) = names.split_first().unwrap_or((&"", &[]));
    let common = first.split('-').filter(|word| {
        rest.iter()
            .all(|name| name.split('-').any(|other| other == *word))
    });
    common.collect::<Vec<_>>().join("-")
}

fn figure(
    analysis: &Analysis,
    run: &RunHypothesis,
    id: String,
    axis: Axis,
    mut series: Vec<Series>,
) -> Option<Figure> {
    series.retain(|line| !line.seeds.is_empty());
    let levels = levels(analysis, &series);
    let mut data = Table::new(
        format!("{}: accuracy against {}", run.name, axis.label),
        "line | #x | #accuracy (95% interval) | #each seed",
    );
    let mut ends = Vec::new();
    for line in &series {
        for (x, percent, interval) in line.estimates() {
            let seeds = line.seeds.iter().filter_map(|seed| seed.get(&x).copied());
            data.row([
                line.name.clone(),
                numbers::plain(x.value()),
                numbers::accuracy(percent, interval.as_ref()),
                seeds.map(numbers::percent).collect::<Vec<_>>().join(", "),
            ]);
        }
        let means = line.means();
        if let (Some((from, low)), Some((to, high))) = (means.first(), means.last()) {
            ends.push(format!(
                "{} from {} at {} to {} at {}",
                line.name,
                numbers::percent(*low),
                numbers::plain(from.value()),
                numbers::percent(*high),
                numbers::plain(to.value())
            ));
        }
    }
    for level in &levels {
        let seeds = level.seeds.iter();
        let values: Vec<f64> = seeds
            .filter_map(|seed| seed.values().next().copied())
            .collect();
        ends.push(format!(
            "{} {}",
            level.name,
            numbers::percent(mean(&values))
        ));
    }
    let more = if axis.update {
        update_norm(analysis.evidence, run).unwrap_or_default()
    } else {
        "Grey: core's arms.".to_string()
    };
    let note = format!("Faint: seeds; bold: their mean with its 95% interval. {more}");
    (!ends.is_empty() && !series.is_empty()).then(|| Figure {
        id,
        title: format!("{}: accuracy against {}", run.name, axis.label),
        alt: format!("Accuracy against {}: {}", axis.label, ends.join(", ")),
        note,
        chart: Chart::Curve(Curve {
            x_label: axis.label,
            mark: axis.update.then(|| (1.0, "the update's norm".to_string())),
            series,
            levels,
        }),
        data,
    })
}

/// Core's levels as lines across, without those that are a line already.
fn levels(analysis: &Analysis, series: &[Series]) -> Vec<Series> {
    let xs = || {
        series
            .iter()
            .flat_map(|line| &line.seeds)
            .flat_map(BTreeMap::keys)
    };
    let ends: Vec<X> = xs().min().into_iter().chain(xs().max()).copied().collect();
    let level = |name: &str| -> Option<Series> {
        let seeds = &analysis.arm(&ArmRef::of("core", name))?.seeds;
        let line = |percent: &f64| ends.iter().map(|x| (*x, *percent)).collect();
        let is_line = series.iter().any(|line| line.name == name);
        (!seeds.is_empty() && !is_line).then(|| Series {
            name: name.to_string(),
            seeds: seeds.iter().map(line).collect(),
        })
    };
    ["password", "locked", "weak"]
        .into_iter()
        .filter_map(level)
        .collect()
}

/// How large the unlocking update was.
fn update_norm(evidence: &Evidence, run: &RunHypothesis) -> Option<String> {
    let of_arm = |arm| evidence.of_seeds(&arm, |trial| trial.metric("update-norm"));
    let norms: Vec<f64> = arms_of(run)
        .flat_map(|arm| of_arm(arm).into_values())
        .collect();
    let least = norms.iter().copied().reduce(f64::min)?;
    let most = norms.iter().copied().reduce(f64::max)?;
    Some(format!(
        "At 1 the noise has the norm of that trial's own unlocking update: {} to {} over seeds.",
        numbers::plain(least),
        numbers::plain(most)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_with_a_number_are_points_of_a_curve() {
        let of = |name| numbered(name).map(|(prefix, x)| (prefix, x.value()));
        assert_eq!(of("step-50"), Some(("step".into(), 50.0)));
        assert_eq!(of("held-out-x0.333"), Some(("held-out".into(), 0.333)));
        assert_eq!(of("held-out"), None);
        assert_eq!(of("password"), None);
    }

    #[test]
    fn lines_are_called_after_what_their_arms_have_in_common() {
        assert_eq!(in_common(&["full-unlock", "half-unlock"]), "unlock");
        assert_eq!(in_common(&["samples-1", "samples-400"]), "samples");
    }
}
