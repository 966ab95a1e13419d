//! The plug pulled at one journal operation after the other: the run goes on, and ends in the same
//! bytes. Every third is tried, which is each kind at every third file; `make soak` tries all.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::collections::BTreeMap;

use picklock_tests::{Place, tables};

const RUN: [&str; 9] = [
    "tests",
    "--seeds",
    "1",
    "--draws",
    "2",
    "--workers",
    "1",
    "--out",
    "o",
];

#[test]
fn a_run_survives_the_end_of_its_processes_at_any_journal_operation() {
    let place = Place::with_fixture(&["steady"], "");
    place.run(&RUN).ok();
    let expected = tables(&place.here("o"));
    let mut killed: BTreeMap<String, usize> = BTreeMap::new();
    let step = if std::env::var_os("PICKLOCK_SOAK").is_some() {
        1
    } else {
        3
    };
    for at in (1..).step_by(step) {
        std::fs::remove_dir_all(place.here("o")).unwrap();
        let points = place.path(&format!("points-{at}"));
        std::fs::create_dir(&points).unwrap();
        let fault = format!("kill:{at}:{}", points.display());
        let done = place.run_with_fault(&fault, &RUN);
        let Ok(point) = std::fs::read_to_string(points.join(at.to_string())) else {
            assert_eq!(
                done.code,
                Some(0),
                "undisturbed, as there are fewer operations"
            );
            break;
        };
        assert_eq!(done.code, None, "{point}: it survived: {done:?}");
        let done = place.run(&RUN);
        assert_eq!(done.code, Some(0), "{point}: {done:?}");
        assert!(tables(&place.here("o")) == expected, "{point}: other bytes");
        for folder in ["o", "o/journal", "o/hypotheses"] {
            let entries = std::fs::read_dir(place.here(folder)).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name());
            let half = names.filter(|name| name.to_string_lossy().starts_with(".aside-"));
            assert_eq!(half.count(), 0, "{point}: half a file in {folder}");
        }
        let (operation, _) = point.split_once(' ').unwrap();
        *killed.entry(operation.to_string()).or_default() += 1;
    }
    // Every file has five points; the last run has gone past them all.
    let expected = ["create", "rename", "renamed", "sync", "write"];
    assert!(killed.keys().eq(expected.iter()), "{killed:?}");
    let (least, most) = (killed.values().min(), killed.values().max());
    assert!(
        least
            .zip(most)
            .is_some_and(|(least, most)| most - least < step),
        "{killed:?}"
    );
    println!("killed at {killed:?}");
}
