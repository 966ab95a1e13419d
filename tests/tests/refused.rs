//! A plugin that is refused at the start costs its own trials: the batch goes on, the record says
//! why, and once it is mended the same command makes up for it.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_sdk::abi::{MAGIC, NUMBER};
use picklock_tests::{Done, Place, Table, built, built_fixture, built_plugin, patched};

const RUN: [&str; 8] = [
    "core", "tests", "--seeds", "2", "--draws", "2", "--out", "o",
];

/// Runs `core` beside a hypothesis whose plugin is as `spoil` left it; gives what the manifest says.
fn refusal(spoil: impl Fn(&Place)) -> (Place, String) {
    let place = Place::with_fixture(&["steady"], "");
    spoil(&place);
    let done = place.run(&RUN).with_code(1);
    let reason = refused(&place).expect("a reason");
    let told = format!("refused: {reason}");
    let times = done.stderr.lines().filter(|line| line.starts_with(&told));
    assert_eq!(times.count(), 2, "at the start, and at the end: {done:?}");
    assert!(
        done.stdout.contains("tests: NOT TESTABLE") && done.stdout.contains(&reason),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("\ncore: "), "{}", done.stdout);
    let trials = Table::read(&place.here("o/trials.csv"));
    assert!(trials.with(&[("hypothesis", "tests")]).is_empty());
    assert!(!trials.with(&[("hypothesis", "core")]).is_empty());
    assert!(trials.rows.iter().all(|row| &row["status"] == "done"));
    (place, reason)
}

fn manifest(place: &Place) -> serde_json::Value {
    let text = std::fs::read_to_string(place.here("o/manifest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Why the manifest says that the plugin `tests` was refused.
fn refused(place: &Place) -> Option<String> {
    let manifest = manifest(place);
    let mut hypotheses = manifest["hypotheses"].as_array().unwrap().iter();
    let tests = hypotheses.find(|hypothesis| hypothesis["name"] == "tests");
    tests.unwrap()["refused"].as_str().map(String::from)
}

fn put_and_trust(place: &Place, plugin: &[u8]) {
    place.put("tests", plugin);
    place.trust(&["tests"]);
}

#[test]
fn a_refused_plugin_costs_its_own_trials_only() {
    let whole = built_fixture();
    let start = [&MAGIC[..], &NUMBER.to_le_bytes()].concat();
    let (_, reason) = refusal(|place| {
        place.put("tests", &patched(&whole, &start, b"PICKLOCK\x01\0\0\0"));
    });
    assert!(reason.contains("ABI 1, this picklock speaks"), "{reason}");

    let other_sdk = std::fs::read(built().join("examples/libanother_sdk.so")).unwrap();
    let (_, reason) = refusal(|place| put_and_trust(place, &other_sdk));
    assert!(reason.contains("SDK 9.0.0, this picklock has"), "{reason}");

    let (_, reason) = refusal(|place| {
        place.put("tests", &patched(&whole, &start, b"LOCKPICK\x01\0\0\0"));
    });
    assert!(reason.contains("doesn't start with PICKLOCK"), "{reason}");

    let (_, reason) = refusal(|place| place.put("tests", &whole[..whole.len() / 2]));
    assert!(reason.contains("truncated: "), "{reason}");

    let (_, reason) = refusal(|place| place.put("tests", &[&whole[..], b"!"].concat()));
    assert!(
        reason.contains("has changed since it was trusted"),
        "{reason}"
    );

    let (_, reason) = refusal(|place| std::fs::remove_file(place.plugin("tests")).unwrap());
    assert!(reason.contains("no plugin file found"), "{reason}");
}

#[test]
fn a_plugin_that_kills_its_loader_does_not_take_the_others_along() {
    let unsound = std::fs::read(built().join("examples/libunsound.so")).unwrap();
    let (_, reason) = refusal(|place| {
        put_and_trust(place, &unsound);
        place.write("here/abort-when-loaded", "");
    });
    assert!(reason.contains("signal: 6 (SIGABRT)"), "{reason}");
}

#[test]
fn the_same_command_makes_up_for_a_plugin_that_was_mended() {
    let whole = built_fixture();
    let (place, _) = refusal(|place| place.put("tests", &whole[..100]));
    put_and_trust(&place, &whole);
    place.run(&RUN).ok();
    assert_eq!(refused(&place), None);

    let undisturbed = Place::with_fixture(&["steady"], "");
    undisturbed.run(&RUN).ok();
    for file in ["trials.csv", "outcomes.csv", "summary.csv"] {
        let read = |place: &Place| std::fs::read(place.here("o").join(file)).unwrap();
        assert!(read(&place) == read(&undisturbed), "{file}");
    }
}

#[test]
fn earlier_trials_of_a_plugin_that_was_altered_since_still_count() {
    let place = Place::with_fixture(&["steady"], "");
    place.run(&RUN).ok();
    let before = std::fs::read(place.here("o/trials.csv")).unwrap();
    place.put("tests", &[&built_fixture()[..], b"!"].concat());
    let Done { stderr, .. } = place.run(&RUN).with_code(1);
    assert!(
        stderr.contains("has changed since it was trusted"),
        "{stderr}"
    );
    assert_eq!(std::fs::read(place.here("o/trials.csv")).unwrap(), before);
}

#[test]
fn a_claim_that_rests_on_a_refused_plugin_is_not_testable() {
    let place = Place::new();
    place.put("core", &built_plugin("core")[..500]);
    let run = ["weight-noise", "--seeds", "2", "--draws", "2", "--out", "o"];
    let done = place.run(&run).with_code(1);
    assert!(
        done.stdout.contains("weight-noise: NOT TESTABLE"),
        "{done:?}"
    );
    assert!(done.stdout.contains("no trials: "), "{done:?}");
}
