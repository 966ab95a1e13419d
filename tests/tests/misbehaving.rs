//! Plugins that misbehave cost their own trials, and no one else's.

use picklock_tests::{Place, Table};

const RUN: [&str; 7] = ["tests", "--seeds", "2", "--draws", "2", "--out", "o"];

/// Runs an arm that misbehaves beside one that doesn't; gives its trials' reasons, none for those
/// that went well.
fn reasons(arm: &str, keys: &str) -> (Place, Vec<String>) {
    let place = Place::with_fixture(&[arm, "steady"], keys);
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
    ];
    let names = arms.map(|(arm, _)| arm);
    let place = Place::with_fixture(&[&names[..], &["steady"]].concat(), "");
    let done = place.run(&RUN).with_code(1);
    assert!(done.stderr.contains("32 trials failed"), "{}", done.stderr);
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
