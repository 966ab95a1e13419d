//! Agreement with scipy and statsmodels to 1e-10 relative, on the data sets of `golden/make.py`.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_stats::{
    Evidence, Expectation, Judgement, Margin, Measured, Pairs, Plan, Problems, RatioInterval,
    Resampling, SeedMean, SignFlip, Tails, VarianceComponents, fieller, holm, judge, mcnemar,
    noncentral_t_below, seeds_for_power, trend, wilson,
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
        problems: Problems::Own,
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
fn seeds_for_power_one_by_one() {
    for case in golden("seeds") {
        let (estimate, sd) = (number(&case, "mean"), number(&case, "sd"));
        let mean = SeedMean {
            estimate,
            sd,
            standard_error: sd / 2.0,
            n: 4,
            shared: None,
        };
        let contrasts = vec![mean; case["contrasts"].as_u64().unwrap() as usize];
        let seeds = seeds_for_power(&contrasts, number(&case, "tail"));
        assert_eq!(
            seeds.unwrap() as u64,
            case["seeds"].as_u64().unwrap(),
            "{case}"
        );
    }
}

#[test]
fn probabilities_to_miss() {
    let cases = golden("noncentral");
    assert!(cases.len() >= 30);
    for case in cases {
        let (t, df, away) = (
            number(&case, "t"),
            number(&case, "df"),
            number(&case, "away"),
        );
        let below = noncentral_t_below(t, df, away);
        same(Some(below), &case, "below", ROUNDING);
        if away > 0.0 {
            same(Some(1.0 - below), &case, "power", ROUNDING);
        }
    }
}

#[test]
fn means_over_seeds_and_shared_problems() {
    let cases = golden("two_way");
    assert!(cases.len() >= 30);
    for case in cases {
        let problems = case["problems"].as_u64().unwrap() as usize;
        let mean = SeedMean::two_way(&numbers(&case["cells"]), problems).unwrap();
        let floor = 1e-14 * number(&case, "size");
        let interval = mean.interval(0.95).unwrap();
        same(Some(mean.estimate), &case, "mean", floor);
        same(Some(mean.standard_error), &case, "se", floor);
        same(Some(interval.low), &case, "low", 20.0 * floor);
        same(Some(interval.high), &case, "high", 20.0 * floor);
        same(mean.p().ok(), &case, "p", ROUNDING);
    }
}

#[test]
fn components_of_variance() {
    let cases = golden("components");
    assert!(cases.len() >= 30);
    for case in cases {
        let values = numbers(&case["values"]);
        let size = |key: &str| case[key].as_u64().unwrap() as usize;
        let measured = Measured {
            values: &values,
            draws: size("draws"),
            problems: size("problems"),
            shared: case["shared"].as_bool().unwrap(),
        };
        let parts = VarianceComponents::estimate(&measured).unwrap();
        let squares = &case["squares"];
        for (name, part) in [
            ("seed", parts.seed),
            ("draw", parts.draw),
            ("problem", parts.problem),
            ("residual", parts.residual),
        ] {
            let square = number(squares, name);
            let allowed = RELATIVE * square.abs() + ROUNDING * 1e4;
            let got = part * part;
            assert!(
                (got - square.max(0.0)).abs() <= allowed,
                "{name}: {got} in {case}"
            );
            if square.abs() > allowed {
                assert_eq!(
                    parts.clipped.contains(&name),
                    square < 0.0,
                    "{name} in {case}"
                );
            }
        }
    }
}

fn planned(case: &Value) -> Expectation {
    match case["kind"].as_str().unwrap() {
        "greater" => Expectation::Greater,
        "less" => Expectation::Less,
        "ratio" => Expectation::RatioWithin {
            low: number(case, "size"),
            high: case["high"].as_f64().unwrap_or(f64::INFINITY),
        },
        _ => expectation(case),
    }
}

#[test]
fn detectable_sizes() {
    let cases = golden("plan");
    assert!(cases.len() >= 30);
    let assumed = VarianceComponents::ASSUMED;
    for case in cases {
        let size = |key: &str| case[key].as_u64().unwrap() as usize;
        let plan = Plan {
            seeds: size("seeds"),
            draws: size("draws"),
            problems: size("problems"),
            shared: case["shared"].as_bool().unwrap(),
        };
        same(Some(assumed.standard_error(&plan)), &case, "error", 0.0);
        let detectable = assumed.detectable(&plan, &planned(&case), 0.05).unwrap();
        same(Some(detectable.points), &case, "points", 0.0);
    }
}

#[test]
fn ratios_by_fieller() {
    let cases = golden("fieller");
    assert!(cases.len() >= 30);
    for case in cases {
        let (x, y) = (numbers(&case["x"]), numbers(&case["y"]));
        let (kind, low, high) = match fieller(&x, &y, number(&case, "level")).unwrap() {
            RatioInterval::Closed { low, high } => ("closed", Some(low), Some(high)),
            RatioInterval::Outside { below, above } => ("outside", Some(below), Some(above)),
            RatioInterval::WholeLine => ("whole-line", None, None),
        };
        assert_eq!(kind, case["kind"], "{case}");
        same(low, &case, "low", 0.0);
        same(high, &case, "high", 0.0);
    }
}

#[test]
fn sign_flips() {
    let cases = golden("sign_flip");
    assert!(cases.len() >= 30);
    for case in cases {
        let values = numbers(&case["values"]);
        let p = |tails| {
            SignFlip::of(&values, tails, Resampling::keyed(1))
                .unwrap()
                .p
        };
        same(Some(p(Tails::Two)), &case, "two", 0.0);
        same(Some(p(Tails::One)), &case, "one", 0.0);
    }
}

#[test]
fn trends_over_arms() {
    let cases = golden("trend");
    assert!(cases.len() >= 30);
    for case in cases {
        let arms = numbers(&case["arms"]);
        let size = arms.iter().fold(0.0, |size: f64, arm| size.max(arm.abs()));
        same(trend(&arms).ok(), &case, "trend", 1e-14 * size);
    }
}
