//! Every verdict arises from data, with its reason; and what can't be tested says why.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_stats::{
    Claim, ClaimVerdict, DEFAULT_SMALLEST, Deviation, Evidence, Expectation, Gate, Judgement,
    Margin, Prediction, Problems, Undefined, Unit, Verdict, decide, judge,
};

use Verdict::{Fails, Holds, Inconclusive, NotTestable};

const CORE: [f64; 6] = [28.0, 35.0, 31.0, 26.0, 33.0, 30.0];
const CLEAR: [f64; 6] = [20.0, 26.0, 18.0, 24.0, 22.0, 19.0];
const SMALL: [f64; 6] = [1.0, 1.5, 0.5, 1.2, 0.8, 1.1];
const LOOSE: [f64; 6] = [20.0, -9.0, 14.0, -3.0, 18.0, -7.0];
const DOWN: [f64; 6] = [-12.0, -14.0, -11.0, -13.5, -12.5, -10.0];

const QUARTER: Expectation = Expectation::Equivalent(Margin::CoreShare(0.25));

fn with_core(expectation: Expectation, effects: &[f64]) -> Result<Judgement, Undefined> {
    let evidence = Evidence {
        effects,
        core: Some(&CORE),
        reference: Some(&CORE),
        problems: Problems::Own,
    };
    judge(&expectation, &evidence, &DEFAULT_SMALLEST, 0.05)
}

fn alone(expectation: Expectation, effects: &[f64]) -> Result<Judgement, Undefined> {
    let evidence = Evidence {
        effects,
        core: None,
        reference: None,
        problems: Problems::Own,
    };
    judge(&expectation, &evidence, &DEFAULT_SMALLEST, 0.05)
}

fn prediction(name: &str, result: Result<Judgement, Undefined>) -> Prediction {
    Prediction {
        name: name.to_owned(),
        confirmatory: true,
        result,
    }
}

fn claim(name: &str, predictions: Vec<Prediction>) -> Claim {
    Claim {
        name: name.to_owned(),
        gate: Gate::Passed,
        predictions,
        deviations: vec![],
    }
}

fn one(result: Result<Judgement, Undefined>) -> ClaimVerdict {
    let claims = vec![claim("claim", vec![prediction("effect", result)])];
    decide(claims, 0.05).unwrap().remove(0)
}

fn verdicts(expectation: Expectation, data: [&[f64]; 4]) -> [Verdict; 4] {
    data.map(|effects| one(with_core(expectation, effects)).verdict)
}

#[test]
fn each_expectation_holds_fails_or_stays_open() {
    let data: [&[f64]; 4] = [&CLEAR, &SMALL, &LOOSE, &DOWN];
    let within = |low, high| Expectation::RatioWithin { low, high };
    let non_inferior = Expectation::NonInferior(Margin::Points(5.0));
    assert_eq!(
        verdicts(Expectation::Greater, data),
        [Holds, Fails, Inconclusive, Fails]
    );
    assert_eq!(
        verdicts(Expectation::Less, data),
        [Fails, Fails, Inconclusive, Holds]
    );
    assert_eq!(verdicts(QUARTER, data), [Fails, Holds, Inconclusive, Fails]);
    assert_eq!(
        verdicts(non_inferior, data),
        [Holds, Holds, Inconclusive, Fails]
    );
    assert_eq!(
        verdicts(within(0.5, 0.9), data),
        [Holds, Fails, Inconclusive, Fails]
    );
    assert_eq!(
        verdicts(within(0.5, f64::INFINITY), data),
        [Holds, Fails, Inconclusive, Fails]
    );
}

#[test]
fn reasons_carry_the_numbers() {
    let reason = |kind, effects: &[f64]| with_core(kind, effects).unwrap().reason;
    assert_eq!(
        reason(Expectation::Greater, &CLEAR),
        "21.5 points (95% interval 18.3 to 24.7, p < 0.001, 6 seeds): above 0"
    );
    assert_eq!(
        reason(Expectation::Greater, &SMALL),
        "1.0 points (95% interval 0.7 to 1.4, p < 0.001, 6 seeds): above 0, but too small to count: wholly short of \
         25% of core's effect, the smallest effect that counts"
    );
    assert!(reason(Expectation::Greater, &DOWN).ends_with("6 seeds): wholly below 0"));
    assert_eq!(
        reason(QUARTER, &SMALL),
        "1.0 points (90% interval 0.7 to 1.3, p < 0.001, 6 seeds): within 25% of core's effect of 0"
    );
    assert_eq!(
        reason(
            Expectation::RatioWithin {
                low: 0.25,
                high: 0.75
            },
            &DOWN
        ),
        "-12.2 points (90% interval -13.4 to -10.9, p = 1.000, 6 seeds): wholly outside \
         0.25 to 0.75 of the full effect (the ratio of means is -0.40)"
    );
}

#[test]
fn an_open_claim_says_how_many_seeds_it_would_take() {
    let open = one(with_core(Expectation::Greater, &LOOSE));
    let seeds = open.predictions[0].seeds_needed.unwrap();
    assert!(seeds > 6, "{seeds}");
    assert!(
        open.reason.ends_with(&format!("would need {seeds} seeds")),
        "{}",
        open.reason
    );
    let hopeless = one(with_core(Expectation::Less, &LOOSE));
    assert_eq!(hopeless.predictions[0].seeds_needed, None);
    assert!(
        hopeless
            .reason
            .ends_with("no number of seeds would show it at this estimate")
    );
}

#[test]
fn wrong_directions_have_p_1_for_the_claim() {
    let judgement = with_core(Expectation::Greater, &DOWN).unwrap();
    assert!(judgement.p.unwrap() < 0.001);
    assert_eq!(
        (judgement.p_for_claim, judgement.supported),
        (Some(1.0), false)
    );
}

#[test]
fn core_is_judged_against_itself() {
    let judge_core = |effects: &[f64]| {
        let evidence = Evidence {
            effects,
            core: Some(effects),
            reference: None,
            problems: Problems::Own,
        };
        judge(&Expectation::Greater, &evidence, &DEFAULT_SMALLEST, 0.05)
    };
    let verdicts = [&CORE, &LOOSE, &DOWN].map(|effects| one(judge_core(effects)).verdict);
    assert_eq!(verdicts, [Holds, Inconclusive, Fails]);
}

#[test]
fn a_share_of_an_unclear_core_is_not_testable() {
    for unclear in [LOOSE, DOWN, [0.0; 6]] {
        let evidence = Evidence {
            effects: &SMALL,
            core: Some(&unclear),
            reference: Some(&unclear),
            problems: Problems::Own,
        };
        let judged = judge(&QUARTER, &evidence, &DEFAULT_SMALLEST, 0.05);
        assert!(
            matches!(judged, Err(Undefined::CoreNotClear { .. })),
            "{judged:?}"
        );
        assert_eq!(one(judged).verdict, NotTestable);
        let ratio = Expectation::RatioWithin {
            low: 0.25,
            high: 0.75,
        };
        let judged = judge(&ratio, &evidence, &DEFAULT_SMALLEST, 0.05);
        assert!(
            matches!(judged, Err(Undefined::ReferenceNotClear { .. })),
            "{judged:?}"
        );
    }
}

#[test]
fn what_is_missing_or_malformed_is_named() {
    let ratio = Expectation::RatioWithin {
        low: 0.25,
        high: 0.75,
    };
    assert_eq!(alone(QUARTER, &SMALL), Err(Undefined::MissingCore));
    assert_eq!(alone(ratio, &SMALL), Err(Undefined::MissingReference));
    assert_eq!(
        alone(Expectation::Greater, &[3.0]),
        Err(Undefined::TooFewSeeds { n: 1 })
    );
    let short = with_core(QUARTER, &SMALL[..4]).unwrap_err().to_string();
    assert_eq!(short, "core's effects: expected 4 seeds, got 6");
    let nan = with_core(QUARTER, &[1.0, f64::NAN, 1.0, 1.0, 1.0, 1.0])
        .unwrap_err()
        .to_string();
    assert!(nan.contains("not finite"), "{nan}");
    let upside_down = with_core(
        Expectation::RatioWithin {
            low: 1.0,
            high: 0.5,
        },
        &SMALL,
    );
    assert!(matches!(upside_down, Err(Undefined::OutOfRange { .. })));
    let negative = with_core(Expectation::Equivalent(Margin::Points(-1.0)), &SMALL);
    assert!(matches!(negative, Err(Undefined::OutOfRange { .. })));
}

#[test]
fn seeds_that_all_agree_have_an_estimate_and_no_p() {
    let equal = with_core(Expectation::Greater, &[12.5; 6]).unwrap();
    assert_eq!(
        (equal.estimate, equal.ci_low, equal.ci_high),
        (12.5, 12.5, 12.5)
    );
    assert_eq!(
        (equal.p, equal.p_for_claim, equal.supported),
        (None, None, false)
    );
    let verdict = one(Ok(equal));
    assert_eq!(
        (verdict.verdict, verdict.p, verdict.p_adjusted),
        (Inconclusive, None, None)
    );
    assert!(
        verdict.reason.contains("no variance between seeds"),
        "{}",
        verdict.reason
    );

    let nothing = with_core(Expectation::Greater, &[0.0; 6]).unwrap();
    assert_eq!(
        (nothing.p, nothing.p_for_claim, nothing.contradicted),
        (Some(1.0), Some(1.0), true)
    );
    let wrong = with_core(Expectation::Less, &[12.5; 6]).unwrap();
    assert_eq!((wrong.p, wrong.p_for_claim), (None, Some(1.0)));
}

#[test]
fn no_effect_in_any_seed_is_equivalent_where_core_varies() {
    assert_eq!(one(with_core(QUARTER, &[0.0; 6])).verdict, Holds);
    let in_points = alone(Expectation::Equivalent(Margin::Points(3.0)), &[0.0; 6]).unwrap();
    assert_eq!((in_points.p, in_points.supported), (None, false));
}

#[test]
fn an_exact_share_of_core_is_rounding_not_evidence() {
    let third: Vec<f64> = CORE.iter().map(|effect| effect * 0.3).collect();
    let edge = with_core(Expectation::Equivalent(Margin::CoreShare(0.3)), &third).unwrap();
    assert_eq!(
        (edge.p_for_claim, edge.supported, edge.contradicted),
        (Some(1.0), false, false)
    );
}

#[test]
fn a_failed_gate_tests_nothing_but_shows_the_numbers() {
    let mut gated = claim(
        "gated",
        vec![prediction("effect", with_core(QUARTER, &SMALL))],
    );
    gated.gate = Gate::Failed("password 60% is under 90% of base".to_owned());
    let verdict = decide(vec![gated], 0.05).unwrap().remove(0);
    assert_eq!(
        (verdict.verdict, verdict.predictions[0].verdict),
        (NotTestable, NotTestable)
    );
    assert_eq!(
        verdict.reason,
        "the gate failed: password 60% is under 90% of base"
    );
    assert_eq!((verdict.p, verdict.predictions[0].p_adjusted), (None, None));
    assert!(verdict.predictions[0].judgement.is_some());
}

#[test]
fn a_claim_is_as_good_as_its_weakest_confirmatory_prediction() {
    let clear = || prediction("clear", with_core(Expectation::Greater, &CLEAR));
    let open = || prediction("open", with_core(Expectation::Greater, &LOOSE));
    let aside = Prediction {
        confirmatory: false,
        ..open()
    };
    let verdicts = decide(
        vec![
            claim("weak", vec![clear(), open()]),
            claim("strong", vec![clear(), aside]),
        ],
        0.05,
    )
    .unwrap();
    assert_eq!(
        (verdicts[0].verdict, verdicts[1].verdict),
        (Inconclusive, Holds)
    );
    assert!(
        verdicts[0].reason.starts_with("open: "),
        "{}",
        verdicts[0].reason
    );
    assert_eq!(verdicts[0].predictions[0].verdict, Holds);
    assert_eq!(verdicts[1].predictions[1].verdict, Inconclusive);
    assert_eq!(
        verdicts[1].reason,
        "its prediction holds, adjusted p < 0.001"
    );
}

#[test]
fn one_contradicted_prediction_fails_the_claim() {
    let fails = prediction("down", with_core(Expectation::Greater, &DOWN));
    let untestable = prediction("alone", alone(QUARTER, &SMALL));
    let verdict = decide(vec![claim("both", vec![untestable, fails])], 0.05)
        .unwrap()
        .remove(0);
    assert_eq!(verdict.verdict, Fails);
    assert!(
        verdict.reason.starts_with("down: -12.2 points"),
        "{}",
        verdict.reason
    );
    assert_eq!((verdict.p, verdict.p_adjusted), (None, None));
}

/// Six seeds whose two-sided p lies between 0.02 and 0.05.
const BORDER: [f64; 6] = [21.0, 4.0, 30.0, -2.0, 17.0, 8.0];

#[test]
fn correction_can_open_what_held_alone() {
    let border = || {
        vec![prediction(
            "effect",
            with_core(Expectation::Greater, &BORDER),
        )]
    };
    assert_eq!(
        decide(vec![claim("a", border())], 0.05).unwrap()[0].verdict,
        Holds
    );
    let both = decide(vec![claim("a", border()), claim("b", border())], 0.05).unwrap();
    assert!(
        both.iter()
            .all(|claim| claim.verdict == Inconclusive && claim.family == 2)
    );
    assert!(
        both[0]
            .reason
            .ends_with("seeds after correction over 2 claims"),
        "{}",
        both[0].reason
    );
    assert!(both[0].p.unwrap() > 0.02 && both[0].p_adjusted.unwrap() > 0.05);
}

#[test]
fn claims_without_a_p_stay_in_the_family() {
    let mut gated = claim(
        "gated",
        vec![prediction("effect", with_core(QUARTER, &SMALL))],
    );
    gated.gate = Gate::Failed("unlocked from the start".to_owned());
    let untestable = claim(
        "untestable",
        vec![prediction("alone", alone(QUARTER, &SMALL))],
    );
    let told = Prediction {
        confirmatory: false,
        ..prediction("told", alone(QUARTER, &SMALL))
    };
    let border = claim(
        "b",
        vec![prediction(
            "effect",
            with_core(Expectation::Greater, &BORDER),
        )],
    );
    let all = vec![gated, untestable, claim("descriptive", vec![told]), border];
    let verdicts = decide(all, 0.05).unwrap();
    assert!(verdicts.iter().all(|verdict| verdict.family == 3));
    let kinds: Vec<Verdict> = verdicts.iter().map(|verdict| verdict.verdict).collect();
    assert_eq!(kinds, [NotTestable, NotTestable, NotTestable, Inconclusive]);
    assert_eq!(verdicts[2].reason, "no prediction is confirmatory");
}

#[test]
fn departures_are_flagged_and_change_no_verdict() {
    let mut fewer = claim(
        "fewer",
        vec![prediction("effect", with_core(QUARTER, &SMALL))],
    );
    fewer.deviations = vec![Deviation::Fewer {
        unit: Unit::Seeds,
        registered: 8,
        used: 6,
    }];
    let verdict = decide(vec![fewer], 0.05).unwrap().remove(0);
    assert!(verdict.exploratory);
    assert_eq!((verdict.verdict, verdict.deviations.len()), (Holds, 1));
}

#[test]
fn verdicts_serialise_with_their_reasons() {
    let verdict = one(with_core(QUARTER, &SMALL));
    let json = serde_json::to_value(&verdict).unwrap();
    assert_eq!(json["verdict"], "holds");
    assert_eq!(json["predictions"][0]["judgement"]["n_seeds"], 6);
    assert_eq!(
        json["predictions"][0]["seeds_needed"],
        serde_json::Value::Null
    );
}
