//! What a run would hold and cost is said before it starts, and nothing is written.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_tests::Place;

/// The cells of the table's row of this name.
fn row(text: &str, name: &str) -> Vec<String> {
    let mut lines = text.lines();
    let line = lines.find(|line| line.starts_with(name)).expect(text);
    let cells = line[name.len()..].split_whitespace();
    cells.map(String::from).collect()
}

#[test]
fn a_plan_counts_and_writes_nothing() {
    let place = Place::new();
    let arguments = ["weight-noise", "--seeds", "3", "--draws", "2", "--out", "o"];
    let plan = |first: &[&str]| {
        let rest = ["--organism", "micro", "--no-build"];
        place
            .picklock(&[first, &arguments[..], &rest].concat())
            .ok()
            .stdout
    };
    let text = plan(&["plan"]);
    assert_eq!(text, plan(&["run", "--dry-run"]));
    assert!(!place.here("o").exists() && !place.path("cache/models").exists());
    // weight-noise has 6 arms, and needs 4 of core's.
    assert_eq!(row(&text, "weight-noise")[..3], ["6", "36", "36"]);
    let core: usize = row(&text, "core")[1].parse().unwrap();
    let all = (36 + core).to_string();
    assert_eq!(row(&text, "in all")[..2], [all.clone(), all.clone()]);
    assert!(
        text.contains("of memory for each worker's models"),
        "{text}"
    );
    assert!(!text.contains("guess"), "{text}");

    place.run(&arguments).ok();
    let text = plan(&["plan"]);
    assert_eq!(row(&text, "in all")[..2], [all, "0".into()]);
}

#[test]
fn a_plugin_that_cannot_be_rehearsed_is_guessed_at() {
    for arm in ["gives-up", "aborts", "hangs"] {
        let place = Place::with_fixture(&[arm, "steady"], "time_limit_s = 2\n");
        let rest = ["--organism", "micro", "--no-build"];
        let done = place
            .picklock(&[&["plan", "tests"][..], &rest].concat())
            .ok();
        assert!(
            done.stdout.contains("of that, a guess: "),
            "{arm}: {done:?}"
        );
    }
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let place = Place::new();
    let script = "\"$@\" --dry-run | head -1; exit ${PIPESTATUS[0]}";
    let done = place
        .wrapped(&["bash", "-c", script, "bash"], &["core"])
        .ok();
    assert_eq!(
        (done.stdout.lines().count(), &*done.stderr),
        (1, ""),
        "{done:?}"
    );
}
