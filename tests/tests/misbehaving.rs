//! Plugins that misbehave cost their own trials, and no one else's.

use picklock_tests::{Done, Place, Table, built};

const RUN: [&str; 7] = ["tests", "--seeds", "2", "--draws", "2", "--out", "o"];

/// Runs an arm that misbehaves beside one that doesn't; gives its trials' reasons, none for those
/// that went well.
fn reasons(arm: &str, keys: &str) -> (Place, Vec<String>) {
    reasons_in(Place::with_fixture(&[arm, "steady"], keys), arm)
}

/// The same of the fixture `unsound`.
fn unsound_reasons(arm: &str) -> (Place, Vec<String>) {
    let place = Place::with_fixture(&[arm, "steady"], "");
    let plugin = std::fs::read(built().join("examples/libunsound.so"));
    place.put(
        "tests",
        &plugin.expect("cargo build --workspace --all-targets"),
    );
    place.trust(&["tests"]);
    reasons_in(place, arm)
}

fn reasons_in(place: Place, arm: &str) -> (Place, Vec<String>) {
    let done = place.run(&RUN).with_code(1);
    assert!(
        done.stderr.contains("trials.csv has every reason"),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains(&format!("failed: tests/{arm} seed ")),
        "{}",
        done.stderr
    );
    let trials = Table::read(&place.here("o/trials.csv"));
    let others: Vec<_> = trials
        .rows
        .iter()
        .filter(|row| row["arm"] != *arm)
        .collect();
    assert!(
        others.iter().all(|row| &row["status"] == "done"),
        "{others:#?}"
    );
    assert_eq!(trials.with(&[("arm", "steady"), ("name", "mark")]).len(), 4);
    let failed = trials.with(&[("arm", arm), ("status", "failed")]);
    let reasons = failed.iter().map(|row| row["reason"].to_string()).collect();
    (place, reasons)
}

#[test]
fn trials_fail_alone_with_their_reason() {
    let arms = [
        ("gives-up", "gave up on purpose"),
        ("panics", "panicked: panicked on purpose"),
        (
            "asks-a-stranger",
            "model handle 999 does not belong to this trial",
        ),
        ("trains-on-nothing", "no samples"),
        ("trains-at-no-rate", "learning_rate is NaN"),
        ("noise-without-a-size", "inf"),
        (
            "measures-twice",
            "measure held-out has been recorded already",
        ),
        ("records-no-number", "metric ratio is NaN"),
        (
            "records-garbage",
            r#"metric name "Gârbage,\n\"\u{1b}[31m": expected at most 64 lower-case letters"#,
        ),
        (
            "asks-for-a-million",
            "1000000 samples, expected 1 to 100,000",
        ),
    ];
    let names = arms.map(|(arm, _)| arm);
    let place = Place::with_fixture(&[&names[..], &["steady"]].concat(), "");
    let done = place.run(&RUN).with_code(1);
    assert!(done.stderr.contains("40 trials failed"), "{}", done.stderr);
    let trials = Table::read(&place.here("o/trials.csv"));
    for (arm, reason) in arms {
        let rows = trials.with(&[("arm", arm), ("name", "held-out")]);
        assert_eq!(rows.len(), 4, "{arm}: what it measured before is kept");
        for row in rows {
            assert_eq!(&row["status"], "failed", "{row:?}");
            assert!(row["reason"].contains(reason), "{row:?}");
        }
    }
    assert_eq!(
        trials
            .with(&[("arm", "steady"), ("name", "mark"), ("status", "done")])
            .len(),
        4
    );
}

#[test]
fn the_other_arms_come_out_as_without_it() {
    let (place, _) = reasons("aborts", "");
    let alone = Place::new();
    alone
        .run(&["core", "--seeds", "2", "--draws", "2", "--out", "o"])
        .ok();
    let read = |place: &Place| Table::read(&place.here("o/outcomes.csv"));
    for arm in ["locked", "unlock"] {
        let core = [("hypothesis", "core"), ("arm", arm)];
        let (beside, alone) = (read(&place), read(&alone));
        assert!(!beside.with(&core).is_empty());
        assert_eq!(beside.with(&core), alone.with(&core), "{arm}");
    }
}

#[test]
fn an_abort_is_a_reason() {
    let (_, reasons) = reasons("aborts", "");
    assert_eq!(reasons.len(), 4);
    assert!(
        reasons
            .iter()
            .all(|reason| reason.contains("signal: 6 (SIGABRT)")),
        "{reasons:?}"
    );
}

#[test]
fn a_segfault_is_a_reason() {
    let (_, reasons) = unsound_reasons("segfaults");
    assert_eq!(reasons.len(), 4);
    assert!(
        reasons
            .iter()
            .all(|reason| reason.contains("signal: 11 (SIGSEGV)")),
        "{reasons:?}"
    );
}

#[test]
fn another_trials_model_means_nothing() {
    let (_, reasons) = unsound_reasons("takes-anothers-model");
    // What it measured before is a row of its own.
    assert!(reasons.len() >= 4, "{reasons:?}");
    for reason in reasons {
        let (before, after) = reason.split_once("model handle ").expect(&reason);
        assert!(before.is_empty(), "{reason}");
        assert!(
            after.ends_with(" does not belong to this trial"),
            "{reason}"
        );
    }
}

#[test]
fn a_lock_held_over_a_call_is_noticed_and_costs_only_time() {
    let place = Place::with_fixture(&["locks-over-a-call", "steady"], "time_limit_s = 1\n");
    let Done { stderr, .. } = place.run(&RUN).ok();
    assert!(
        stderr.contains("tests/locks-over-a-call: no lab call and no end for 1 s (time_limit_s)"),
        "{stderr}"
    );
    assert!(stderr.contains("trying its halves apart"), "{stderr}");
    let trials = Table::read(&place.here("o/trials.csv"));
    for arm in ["locks-over-a-call", "steady"] {
        let marks = trials.with(&[("arm", arm), ("name", "mark"), ("status", "done")]);
        assert_eq!(marks.len(), 4, "{arm}");
    }
}

#[test]
fn an_exit_is_a_reason() {
    let (_, reasons) = reasons("exits", "");
    assert_eq!(reasons.len(), 4);
    assert!(
        reasons
            .iter()
            .all(|reason| reason.contains("exit status: 3")),
        "{reasons:?}"
    );
}

#[test]
fn one_member_that_aborts_does_not_take_its_cohort_along() {
    let (place, reasons) = reasons("aborts-for-some", "");
    let trials = Table::read(&place.here("o/trials.csv"));
    let marks = trials.with(&[
        ("arm", "aborts-for-some"),
        ("name", "mark"),
        ("status", "done"),
    ]);
    assert!(!reasons.is_empty() && !marks.is_empty(), "{reasons:?}");
    assert_eq!(marks.len() + reasons.len(), 4, "{reasons:?}");
}

#[test]
fn a_hanging_trial_is_given_up() {
    let (_, reasons) = reasons("hangs", "time_limit_s = 1\n");
    let expected = "no lab call and no end for 1 s (time_limit_s)";
    assert_eq!(reasons, [expected; 4]);
}

#[test]
fn failed_trials_are_not_forgotten_by_the_same_command() {
    let (place, reasons) = reasons("gives-up", "");
    let done = place.run(&RUN).with_code(1);
    assert!(
        done.stderr.contains("all of them are in the journal"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("4 trials failed"), "{}", done.stderr);
    assert_eq!(reasons.len(), 4);
}
