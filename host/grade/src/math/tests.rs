use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::cases::{self, Case};

fn cases(path: &Path) -> Vec<Case> {
    let cases = cases::read(path).unwrap();
    cases.into_iter().map(|(_, case)| case).collect()
}

fn pairs() -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    cases(&folder.join("src/math/pairs.jsonl"))
}

fn is_correct(expected: &str, given: &str) -> bool {
    grade(expected, given) == Ok(Grade::Correct)
}

#[test]
fn pairs_are_told_apart_as_people_do() {
    let pairs = pairs();
    assert!(pairs.len() >= 300);
    for Case {
        candidate,
        reference,
        expected,
    } in pairs
    {
        assert_eq!(
            Some(is_correct(&reference, &candidate)),
            expected,
            "{candidate} for {reference}"
        );
    }
}

/// Another test sees to the other direction of what is true.
#[test]
fn what_is_false_is_false_the_other_way_round() {
    let whole = |text: &str| last_boxed(text) == Boxed::None && !text.is_empty();
    let pairs = pairs().into_iter();
    for Case {
        candidate,
        reference,
        ..
    } in pairs.filter(|case| case.expected == Some(false))
    {
        // A base may be left out, but not put in.
        if whole(&candidate) && candidate != "2516_8" {
            assert!(
                !is_correct(&candidate, &reference),
                "{reference} for {candidate}"
            );
        }
    }
}

#[test]
fn what_cannot_be_read_is_unparsed() {
    for given in [
        "",
        "  ",
        "The answer is five, I think, or six.",
        "so \\boxed{\\frac{1",
        "\\boxed{}",
        "???",
        "((",
        "To compute $x$, we need to use",
        "To compute $\\dbinom{182}{180}$, we need to use",
        "I think the answer is 6",
        "Let $x=3$. Then",
        "The sum is 6. So it is.",
    ] {
        assert_eq!(grade("5", given), Ok(Grade::Unparsed), "{given}");
    }
    for given in [
        "x = 3 or x = -1.",
        "ab + ac + ad + bc + bd",
        "AB = CD = EF = GH",
        "\\text{no solution}",
        "two hundred and six square centimeters per second",
        "12 inches by 6 inches",
        "\\sin x + \\cos x + \\tan x + \\arcsin x",
    ] {
        assert_eq!(grade("5", given), Ok(Grade::Wrong), "{given}");
    }
    let words = "\\text{none of the lines is a tangent}";
    assert_eq!(
        grade(words, "one of the lines is a tangent"),
        Ok(Grade::Wrong)
    );
    for given in ["\\boxed{???}", "6", "\\text{no}", "\\boxed{(}"] {
        assert_eq!(grade("5", given), Ok(Grade::Wrong), "{given}");
    }
    assert!(grade(" ", "5").is_err());
}

#[test]
fn hostile_answers_cost_moments() {
    let deep = |open: &str, close: &str, times: usize| {
        format!("{}1{}", open.repeat(times), close.repeat(times))
    };
    let start = std::time::Instant::now();
    for answer in [
        deep("(", ")", 900),
        deep("\\frac{1}{", "}", 150),
        deep("\\text{", "}", 250),
        deep("\\{", "\\}", 400),
        deep("\\sqrt{", "}", 200),
        "2^".repeat(800) + "2",
        "9".repeat(1900),
        "2^{999999999}".into(),
        "(1/3)^{99999999999999999999999}".into(),
        "10^{10^{10^{10}}}".into(),
        "\\sin(10^{4000})".into(),
        "e^{e^{e^{e^e}}}".into(),
        "99999!".into(),
        "\\binom{100000}{50000}".into(),
        "\\sqrt[99999999]{2}".into(),
        "\\pm 1".repeat(300),
        "\\sqrt{2},".repeat(200),
        "\\sin x+".repeat(280) + "1",
        "x^x^x^x^x^x".into(),
        "|".repeat(1900),
        "1e400".into(),
    ] {
        for other in ["5", "x+1", "\\pi", &format!("{answer}+0")] {
            let _ = grade(other, &format!("\\boxed{{{answer}}}"));
            let _ = grade(&answer, other);
        }
    }
    // A busy machine gets its time; blow-up would take for ever.
    assert!(start.elapsed().as_secs() < 120);
}

/// Pieces of which answers, and things that look like them, are made.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "\\frac",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "\\{",
        "\\}",
        "1",
        "23",
        ",",
        ".",
        "x",
        "\\pi",
        "^",
        "_",
        "\\sqrt",
        "+",
        "-",
        "/",
        "\\pm",
        "=",
        "<",
        "\\le",
        "\\cup",
        "\\infty",
        "\\text{",
        "cm",
        "\\circ",
        "%",
        "$",
        "\\$",
        "|",
        "!",
        " ",
        "\\",
        "\\\\",
        "&",
        "\\begin{pmatrix}",
        "\\end{pmatrix}",
        "\\boxed{",
        "\\sin",
        "e",
        "i",
        "999999999",
        ":",
        "é",
        "√",
        "\\!",
        "and",
        "\\left",
        "\\overline{",
        "\\binom",
        "\\log",
        "\\mathbb{R}",
        "\\setminus",
        "\\in",
        ";",
        "'",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything_is_graded(one in prop::collection::vec(piece(), 0..30), other in prop::collection::vec(piece(), 0..30)) {
        let (one, other) = (one.concat(), other.concat());
        let _ = grade(&one, &other);
        let alone = one.trim();
        if !alone.is_empty() && last_boxed(alone) == Boxed::None {
            prop_assert!(is_correct(&one, &one));
        }
    }

    #[test]
    fn any_text_is_graded(one in "\\PC{0,60}", other in "\\PC{0,60}") {
        let _ = grade(&one, &other);
    }

    #[test]
    fn sums_of_fractions_are_exact(a in -50_i64..50, b in 1_i64..50, c in -50_i64..50, d in 1_i64..50) {
        let written = format!("\\frac{{{a}}}{{{b}}} + {c}/{d}");
        let sum = format!("\\frac{{{}}}{{{}}}", a * d + c * b, b * d);
        let near = format!("\\frac{{{}}}{{{}}}", a * d + c * b + 1, b * d);
        prop_assert!(is_correct(&written, &sum));
        prop_assert!(!is_correct(&written, &near));
    }

    #[test]
    fn products_of_binomials_are_their_expansions(a in -9_i64..10, b in -9_i64..10) {
        let product = format!("(x + {a})(x + {b})");
        let expansion = format!("x^2 + {}x + {}", a + b, a * b);
        let near = format!("x^2 + {}x + {}", a + b, a * b + 1);
        prop_assert!(is_correct(&product, &expansion));
        prop_assert!(!is_correct(&product, &near));
    }
}

/// The folder of data sets that `PICKLOCK_DATASETS` names.
fn datasets(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PICKLOCK_DATASETS").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: {test}: PICKLOCK_DATASETS names no folder");
    }
    folder
}

#[test]
fn published_pairs_are_told_apart() {
    let Some(folder) = datasets("published pairs") else {
        return;
    };
    let cases = cases(&folder.join("math_equiv_cases.jsonl"));
    let counted = cases.iter().filter(|case| case.expected.is_some()).count();
    let (mut missed, mut accepted) = (0, 0);
    for Case {
        candidate,
        reference,
        expected,
    } in &cases
    {
        let correct = is_correct(reference, candidate);
        missed += usize::from(*expected == Some(true) && !correct);
        accepted += usize::from(*expected == Some(false) && correct);
    }
    assert_eq!(accepted, 0);
    assert!(missed * 100 <= counted, "{missed} of {counted} missed");
}

#[test]
fn distinct_answers_of_the_test_set_are_distinct() {
    let Some(folder) = datasets("distinct answers") else {
        return;
    };
    let text = std::fs::read_to_string(folder.join("math500.jsonl")).unwrap();
    let answer = |line: &str| -> String {
        let problem: serde_json::Value = serde_json::from_str(line).unwrap();
        problem["answer"].as_str().unwrap().into()
    };
    let answers: std::collections::BTreeSet<String> = text.lines().map(answer).collect();
    let answers: Vec<String> = answers.into_iter().collect();
    let mut same = 0;
    for (index, one) in answers.iter().enumerate() {
        same += answers[..index]
            .iter()
            .filter(|other| is_correct(one, other))
            .count();
    }
    // All were looked at: spaces, units left out, grouped digits, `x = 5`, a list in another order.
    assert!(
        same <= 12,
        "{same} pairs of distinct answers are called the same"
    );
}
