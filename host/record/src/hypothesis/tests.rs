//! Pre-registration files that read, and those that contradict themselves.

use std::path::Path;

use picklock_message::Result;

use super::registration::Registration;

const FILE: &str = r#"claim = "a"
said_by = "b"
source = "c"
metric = "accuracy"
alpha = 0.05
least = { seeds = 4, draws = 3, problems = 200 }
[[arms]]
name = "one"
parameters = { size = 2, sizes = [1, 2] }
[[arms]]
name = "two"
  control = "one"
[[predictions]]
name = "first"
treated = "one"
control = "two"
expect = "greater"
confirmatory = true
"#;

fn read(text: &str) -> Result<Registration> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("idea.toml");
    std::fs::write(&path, text).unwrap();
    Registration::read(&path)
}

/// What is wrong once `from` is `to`: line, column and problem.
fn problem(from: &str, to: &str) -> String {
    assert!(FILE.contains(from), "{from}");
    let text = FILE.replacen(from, to, 1);
    let registration = read(&text).and_then(|read| {
        let mut core = self::read(FILE)?;
        core.name = "core".into();
        core.arms[0].name = "unlock".into();
        core.arms[1].name = "locked".into();
        let all = [read, core];
        all[0].check_references(&all)
    });
    let Err(error) = registration else {
        panic!("{text}")
    };
    let error = error.to_string();
    error.rsplit_once("idea.toml:").unwrap().1.to_string()
}

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let committed = include_str!("../../../../hypotheses/registration.schema.json");
    let advice = "picklock plugins schema > hypotheses/registration.schema.json";
    assert!(committed == super::schema(), "outdated; give: {advice}");
}

#[test]
fn shipped_files_read_and_name_their_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hypotheses");
    let files = std::fs::read_dir(folder).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    let all: Vec<Registration> = paths
        .iter()
        .map(|path| Registration::read(path).unwrap_or_else(|error| panic!("{error}")))
        .collect();
    assert!(all.len() >= 7);
    for registration in &all {
        let schema = "#:schema ./registration.schema.json\n";
        assert!(
            registration.text.starts_with(schema),
            "{}",
            registration.name
        );
        registration.check_references(&all).unwrap();
    }
}

#[test]
fn keys_that_are_unknown_or_out_of_range_are_named_to_the_column() {
    let cases = [
        (
            "said_by",
            "sayd_by",
            "2:1: unknown key `sayd_by`; did you mean `said_by`?",
        ),
        (
            "\"greater\"",
            "\"grater\"",
            "17:10: unknown key `grater`; did you mean `greater`?",
        ),
        ("\"a\"", "\" \"", "1:1: claim is empty, expected a text"),
        ("0.05", "5", "5:1: alpha is 5, expected above 0 to 0.2"),
        ("0.05", "0.0", "5:1: alpha is 0, expected above 0 to 0.2"),
        ("0.05", "nan", "5:1: alpha is NaN, expected above 0 to 0.2"),
        (
            "seeds = 4",
            "seeds = 0",
            "6:11: least seeds is 0, expected at least 1",
        ),
        (
            "draws = 3",
            "draws = 0",
            "6:22: least draws is 0, expected at least 1",
        ),
        (
            "problems = 200",
            "problems = 0",
            "6:33: least problems is 0, expected at least 1",
        ),
        (
            "alpha",
            "time_limit_s = 0\nalpha",
            "5:1: time_limit_s is 0, expected at least 1",
        ),
        (
            "alpha",
            "core = \"core/locked\"\nalpha",
            "5:1: core's effect would compare core/locked with itself",
        ),
        (
            "alpha",
            "smallest_effect = { core_share = 0 }\nalpha",
            "5:21: smallest_effect 0, expected a number above 0",
        ),
        (
            "size = 2",
            "size = inf",
            "9:16: parameter `size` is not finite, expected a number",
        ),
        (
            "[1, 2]",
            "[1, nan]",
            "9:26: parameter `sizes` is not finite, expected a number",
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(problem(from, to), expected);
    }
}

#[test]
fn arms_that_are_odd_are_named_to_the_column() {
    let cases = [
        ("\"two\"\n  ", "\"one\"\n", "11:1: arm `one` is there twice"),
        (
            "control = \"one\"",
            "control = \"two\"",
            "12:3: arm `two` is its own control",
        ),
        (
            "control = \"one\"",
            "control = \"three\"",
            "12:3: unknown arm `idea/three`; there are idea/one, idea/two, core/unlock, core/locked",
        ),
        (
            "name = \"two\"",
            "name = \"Two\"",
            "11:1: arm \"Two\": expected lower-case letters, digits, hyphens and dots",
        ),
        (
            "treated = \"one\"",
            "treated = \"uno\"",
            "15:1: unknown arm `idea/uno`; did you mean `idea/one`?",
        ),
        (
            "expect",
            "through = [\"core/unlock\", \"core/lokced\"]\nexpect",
            "17:27: unknown arm `core/lokced`; did you mean `core/locked`?",
        ),
        (
            "alpha",
            "core = \"core/unlok\"\nalpha",
            "5:1: unknown arm `core/unlok`; did you mean `core/unlock`?",
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(problem(from, to), expected);
    }
    let (before, rest) = FILE.split_once("[[arms]]").unwrap();
    let (_, predictions) = rest.split_once("[[predictions]]").unwrap();
    let text = format!("arms = []\n{before}[[predictions]]{predictions}");
    let error = read(&text).unwrap_err().to_string();
    assert!(
        error.ends_with(":1:1: no arms, expected at least one"),
        "{error}"
    );
}

#[test]
fn predictions_that_contradict_themselves_are_named_to_the_column() {
    let cases = [
        (
            "expect = \"greater\"",
            "expect = \"equivalent\"",
            "17:1",
            "this expectation needs `margin`",
        ),
        (
            "expect",
            "margin = { points = 1 }\nexpect",
            "17:1",
            "this expectation takes no `margin`",
        ),
        (
            "expect = \"greater\"",
            "expect = \"non-inferior\"\nmargin = { core_share = -1 }",
            "18:12",
            "margin -1, expected a number above 0",
        ),
        (
            "expect = \"greater\"",
            "expect = \"ratio-within\"\nratio = [0, 1]",
            "17:1",
            "this expectation needs `ratio` and `reference`, has no `reference`",
        ),
        (
            "expect = \"greater\"",
            "expect = \"ratio-within\"\nreference = \"core/unlock\"",
            "17:1",
            "this expectation needs `ratio` and `reference`, has no `ratio`",
        ),
        (
            "expect",
            "ratio = [0, 1]\nexpect",
            "17:1",
            "this expectation takes no `ratio`",
        ),
        (
            "expect",
            "  reference_baseline = \"one\"\nexpect",
            "17:3",
            "this expectation takes no `reference_baseline`",
        ),
        (
            "expect = \"greater\"",
            "expect = \"ratio-within\"\nreference = \"core/unlock\"\nratio = [2, 1]",
            "19:1",
            "ratio [2, 1], expected a lower and a higher number",
        ),
        (
            "expect = \"greater\"",
            "expect = \"ratio-within\"\nratio = [0, 1]\nreference = \"idea/two\"",
            "19:1",
            "compares an arm with itself",
        ),
        (
            "expect",
            "control_baseline = \"one\"\nexpect",
            "17:1",
            "needs `treated_baseline` and `control_baseline`, or neither",
        ),
        (
            "expect",
            "treated_baseline = \"core/locked\"\ncontrol_baseline = \"one\"\nthrough = [\"core/locked\"]\nexpect",
            "19:1",
            "takes either baselines or `through`, not both",
        ),
        (
            "expect",
            "through = [\"core/locked\", \"one\"]\nexpect",
            "17:27",
            "arm `one` is in its trend twice",
        ),
        (
            "control = \"two\"",
            "control = \"idea/one\"",
            "16:1",
            "compares an arm with itself",
        ),
    ];
    for (from, to, place, expected) in cases {
        assert_eq!(
            problem(from, to),
            format!("{place}: prediction `first`: {expected}")
        );
    }
    let none = problem("confirmatory = true", "confirmatory = false");
    assert_eq!(
        none,
        "13:3: no confirmatory prediction, expected at least one"
    );
    let second = FILE.split_once("[[predictions]]").unwrap().1;
    let error = read(&format!("{FILE}\n[[predictions]]{second}")).unwrap_err();
    let error = error.to_string();
    assert!(
        error.ends_with(":21:1: prediction `first` is there twice"),
        "{error}"
    );
}
