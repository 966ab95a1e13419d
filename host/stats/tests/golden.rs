//! Agreement with scipy and statsmodels to 1e-10 relative, on the data sets of `golden/make.py`.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_stats::{
    Evidence, Expectation, Judgement, Margin, Pairs, SeedMean, holm, judge, mcnemar,
    seeds_for_power, wilson,
};
use serde_json::Value;

const RELATIVE: f64 = 1e-10;
/// What is 0 but for the rounding of its terms (percentages) can't agree relatively.
const ROUNDING: f64 = 1e-12;

fn golden(part: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../golden/golden.json")).unwrap();
    all[part].as_array().unwrap().clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_f64().unwrap())
        .collect()
}

fn number(case: &Value, key: &str) -> f64 {
    case[key].as_f64().unwrap()
}

/// Both undefined, or both the same number. A p has its own digits however small it is.
fn same(got: Option<f64>, case: &Value, key: &str, floor: f64) {
    match (got, case[key].as_f64()) {
        (None, None) => {}
        (Some(got), Some(expected)) => {
            let allowed = (RELATIVE * expected.abs()).max(floor);
            assert!((got - expected).abs() <= allowed, "{key}: {got} in {case}");
        }
        (got, _) => panic!("{key}: {got:?} in {case}"),
    }
}

#[test]
fn means_over_seeds() {
    let cases = golden("t");
    assert!(cases.len() >= 30);
    for case in cases {
        let values = numbers(&case["values"]);
        let size = values
            .iter()
            .fold(0.0, |size: f64, value| size.max(value.abs()));
        let (mean, floor) = (SeedMean::of(&values).unwrap(), 1e-15 * size);
        let interval = mean.interval(number(&case, "level")).unwrap();
        same(Some(mean.estimate), &case, "mean", floor);
        same(Some(mean.sd), &case, "sd", 0.0);
        same(Some(mean.standard_error), &case, "se", 0.0);
        same(Some(interval.low), &case, "low", floor);
        same(Some(interval.high), &case, "high", floor);
        same(mean.p().ok(), &case, "p", 0.0);
        same(mean.p_above().ok(), &case, "above", 0.0);
        same(mean.p_below().ok(), &case, "below", 0.0);
    }
}

fn expectation(case: &Value) -> Expectation {
    let size = number(case, "size");
    match case["kind"].as_str().unwrap() {
        "equivalent-points" => Expectation::Equivalent(Margin::Points(size)),
        "equivalent-share" => Expectation::Equivalent(Margin::CoreShare(size)),
        "non-inferior-points" => Expectation::NonInferior(Margin::Points(size)),
        "non-inferior-share" => Expectation::NonInferior(Margin::CoreShare(size)),
        "ratio" => Expectation::RatioWithin {
            low: size,
            high: number(case, "high"),
        },
        other => panic!("{other}"),
    }
}

fn judged(case: &Value) -> Judgement {
    let (x, core) = (numbers(&case["x"]), numbers(&case["core"]));
    let evidence = Evidence {
        effects: &x,
        core: Some(&core),
        reference: Some(&core),
    };
    judge(
        &expectation(case),
        &evidence,
        &Margin::CoreShare(0.25),
        number(case, "alpha"),
    )
    .unwrap()
}

#[test]
fn contrasts_with_margins() {
    let cases = golden("contrasts");
    assert!(cases.len() >= 30);
    for case in cases {
        let judgement = judged(&case);
        same(Some(judgement.estimate), &case, "mean", ROUNDING);
        same(Some(judgement.ci_low), &case, "ci_low", ROUNDING);
        same(Some(judgement.ci_high), &case, "ci_high", ROUNDING);
        same(judgement.p, &case, "p", 0.0);
        assert_eq!(
            judgement.supported,
            number(&case, "p") <= number(&case, "alpha"),
            "{case}"
        );
    }
}

#[test]
fn families_by_holm() {
    for case in golden("holm") {
        let adjusted = holm(&numbers(&case["ps"]), 0.05).unwrap();
        for (got, expected) in adjusted.iter().zip(numbers(&case["adjusted"])) {
            assert!(
                (got.p - expected).abs() <= RELATIVE * expected,
                "{} in {case}",
                got.p
            );
        }
    }
}

#[test]
fn accuracies_by_wilson() {
    for case in golden("wilson") {
        let count = |key: &str| case[key].as_u64().unwrap();
        let interval = wilson(count("correct"), count("problems"), number(&case, "level")).unwrap();
        same(Some(interval.low), &case, "low", ROUNDING);
        same(Some(interval.high), &case, "high", ROUNDING);
    }
}

#[test]
fn single_seeds_by_mcnemar() {
    for case in golden("mcnemar") {
        let count = |key: &str| case[key].as_u64().unwrap();
        let pairs = Pairs {
            gained: count("gained"),
            lost: count("lost"),
            problems: count("problems"),
        };
        let test = mcnemar(pairs, number(&case, "level")).unwrap();
        same(Some(test.estimate), &case, "estimate", ROUNDING);
        same(Some(test.p), &case, "p", 0.0);
        same(
            test.interval.map(|interval| interval.low),
            &case,
            "low",
            ROUNDING,
        );
        same(
            test.interval.map(|interval| interval.high),
            &case,
            "high",
            ROUNDING,
        );
    }
}

#[test]
fn seeds_by_iteration() {
    for case in golden("seeds") {
        let (estimate, sd) = (number(&case, "mean"), number(&case, "sd"));
        let mean = SeedMean {
            estimate,
            sd,
            standard_error: sd,
            n: 4,
        };
        let seeds = seeds_for_power(&[mean], number(&case, "tail"));
        assert_eq!(
            seeds,
            case["seeds"].as_u64().map(|seeds| seeds as usize),
            "{case}"
        );
    }
}
