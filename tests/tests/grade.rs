//! `picklock grade`: graders on files of pairs.

use picklock_tests::{Place, workspace};
use serde_json::Value;

/// Pairs of which the third is accepted by nobody and the fourth is a matter of convention.
const PAIRS: &str = r#"{"candidate": "0.5", "reference": "\\frac{1}{2}", "expected": true, "by": "us"}
{"candidate": "so it is $\\boxed{(2,1)}$.", "reference": "(1,2)", "expected": false}

{"candidate": "a\nhalf", "reference": "1/2", "expected": true}
{"candidate": "0.33", "reference": "1/3", "expected": null}
{"candidate": "6", "reference": "6", "expected": false}
"#;

fn with_pairs(text: &str) -> Place {
    let place = Place::new();
    place.write("here/pairs.jsonl", text);
    place
}

#[test]
fn each_pair_has_a_verdict_and_the_last_line_is_their_sum() {
    let done = with_pairs(PAIRS).picklock(&["grade", "pairs.jsonl"]).ok();
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            r"    1  correct   agreed          0.5  for  \frac{1}{2}",
            r"    2  wrong     agreed          so it is $\boxed{(2,1)}$.  for  (1,2)",
            r"    4  wrong     true missed     a half  for  1/2",
            r"    5  wrong     not counted     0.33  for  1/3",
            r"    6  correct   false accepted  6  for  6",
            "agreed 2 of 4, true missed 1, false accepted 1",
        ]
    );
}

#[test]
fn machines_read_json() {
    let done = with_pairs(PAIRS)
        .picklock(&["grade", "pairs.jsonl", "--json"])
        .ok();
    let lines: Vec<Value> = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[3]["expected"], Value::Null);
    assert_eq!(lines[3]["agreement"], "not counted");
    assert_eq!(lines[4]["line"], 6);
    let sum = r#"{"agreed":2,"false_accepted":1,"not_graded":0,"of":4,"true_missed":1}"#;
    assert_eq!(lines[5], serde_json::from_str::<Value>(sum).unwrap());
}

#[test]
fn our_own_pairs_are_all_told_apart() {
    let file = workspace().join("host/grade/src/math/pairs.jsonl");
    let file = file.to_str().unwrap();
    let done = Place::new().picklock(&["grade", file]).ok();
    let last = done.stdout.lines().last().unwrap();
    assert_eq!(last, "agreed 300 of 300, true missed 0, false accepted 0");
}

#[test]
fn any_grader_of_an_organism_file_can_be_tried() {
    let place = with_pairs(
        r#"{"candidate": "16 - 7 = <<16-7=9>>9\n#### 1,009", "reference": "1009", "expected": true}
{"candidate": "the answer is B", "reference": "B", "expected": true}
"#,
    );
    for (grader, grades) in [
        ("exact", ["wrong", "wrong"]),
        ("number", ["correct", "error"]),
        (
            "{ regex = { pattern = 'answer is ([A-D])' } }",
            ["unparsed", "correct"],
        ),
        (
            r#"{ program = { command = ["sh", "-c", 'n=0; while read -r l; do n=$((n+1)); echo "{\"id\": $n, \"grade\": \"unparsed\"}"; done'] } }"#,
            ["unparsed", "unparsed"],
        ),
    ] {
        let done = place.picklock(&["grade", "pairs.jsonl", "--grader", grader, "--json"]);
        let failed = grades.contains(&"error");
        assert_eq!(done.code, Some(i32::from(failed)), "{}", done.stderr);
        for (line, grade) in done.stdout.lines().zip(grades) {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["grade"], grade, "{grader}");
        }
        if failed {
            let told =
                "picklock: pairs.jsonl:2: grader number: the expected answer `B` has no number\n";
            assert_eq!(done.stderr, told);
        }
    }
}

#[test]
fn a_bad_line_is_told_by_number_and_reason() {
    for (text, told) in [
        (
            "{\"candidate\": \"1\", \"reference\": \"1\"}\n{\"candidate\": \"1\"}\n",
            "picklock: pairs.jsonl:2:18: missing field `reference`; expected a JSON object with candidate, reference and expected\n",
        ),
        (
            "candidate,reference\n",
            "picklock: pairs.jsonl:1:1: expected value; expected a JSON object with candidate, reference and expected\n",
        ),
        (
            "\n",
            "picklock: pairs.jsonl: no cases; expected lines such as {\"candidate\": \"0.5\", \"reference\": \"1/2\", \"expected\": true}\n",
        ),
    ] {
        let done = with_pairs(text).picklock(&["grade", "pairs.jsonl"]);
        assert_eq!((done.code, done.stderr.as_str()), (Some(2), told));
        assert_eq!(done.stdout, "");
    }
    let done = Place::new().picklock(&["grade", "none.jsonl", "--grader", "maths"]);
    let done = done.with_code(2);
    let told = "expected exact, number, math, { regex = ... } or { program = ... }; see ";
    assert!(done.stderr.contains(told), "{}", done.stderr);
}
