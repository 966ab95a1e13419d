//! Shards: parts of a run that share its folder, and end in the bytes of one run.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::path::Path;

use picklock_tests::{Done, Place, Running, built_fixture, patched, tables};
use rustix::process::Signal;

/// Four blocks of 8 cohorts.
const RUN: [&str; 9] = [
    "core", "--seeds", "4", "--draws", "2", "--width", "2", "--out", "o",
];

fn shard(of: &str) -> Vec<&str> {
    [&RUN[..], &["--shard", of]].concat()
}

/// What one undisturbed run writes.
fn undisturbed() -> String {
    let place = Place::new();
    place.run(&RUN).ok();
    tables(&place.here("o"))
}

/// The names of files in a folder that begin so.
fn names(folder: &Path, prefix: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    names
}

/// After all shards: the whole run has nothing left to do, and reports.
fn whole(place: &Place) -> String {
    let done = place.run(&RUN).ok();
    assert!(
        done.stderr.contains("all of them are in the journal"),
        "{done:?}"
    );
    assert_eq!(names(&place.here("o"), ".running"), [""; 0]);
    tables(&place.here("o"))
}

/// A shard that is stopped in the middle of its work.
fn stopped(place: &Place, of: &str) -> Running {
    place.change("root/organisms/micro.toml", "steps = 20\n", "steps = 200\n");
    let mut running = place.start(&shard(of));
    running.wait_for_segments(&place.here("o"), 1);
    running.signal(Signal::STOP);
    running
}

#[test]
fn two_at_once_three_and_five_give_the_bytes_of_one_run() {
    let expected = undisturbed();
    let place = Place::new();
    let both = ["1/2", "2/2"].map(|of| place.start(&shard(of)));
    for running in both {
        let Done { stderr, .. } = running.end().ok();
        assert!(stderr.contains("of which shard "), "{stderr}");
    }
    assert!(
        !place.here("o/summary.csv").exists(),
        "a shard has no report"
    );
    assert!(whole(&place) == expected, "2 shards gave other bytes");

    for of in [3, 5] {
        std::fs::remove_dir_all(place.here("o")).unwrap();
        for index in (1..=of).rev() {
            let done = place.run(&shard(&format!("{index}/{of}"))).ok();
            let surplus = done
                .stderr
                .contains("nothing for this shard: the plan has 4 blocks");
            assert_eq!(surplus, index == 5, "{}", done.stderr);
            assert!(
                done.stdout
                    .contains("the same command without --shard reports"),
                "{done:?}"
            );
        }
        // Twice in a row is harmless.
        let done = place.run(&shard(&format!("1/{of}"))).ok();
        assert!(
            done.stdout
                .starts_with(&format!("shard 1/{of}: 0 trials run")),
            "{done:?}"
        );
        assert!(whole(&place) == expected, "{of} shards gave other bytes");
    }
}

#[test]
fn a_shard_keeps_its_own_part_and_leaves_the_others_theirs() {
    let place = Place::new();
    let first = stopped(&place, "1/2");
    let refusal = place.run(&shard("1/2")).refusal().to_string();
    assert_eq!(refusal, "o: shard 1/2 is running already; wait for it");
    let refusal = place.run(&RUN).refusal().to_string();
    assert!(
        refusal.starts_with("o: in use by another picklock run"),
        "{refusal}"
    );
    place.write("here/o/journal/.aside-anothers", "half");
    place.run(&shard("2/2")).ok();
    assert!(
        place.here("o/journal/.aside-anothers").exists(),
        "it swept up under a live shard"
    );
    assert_eq!(names(&place.here("o"), ".running"), [".running-1-of-2"]);
    first.signal(Signal::CONT);
    first.end().ok();
    whole(&place);
    assert_eq!(names(&place.here("o/journal"), "."), [""; 0]);
}

#[test]
fn a_killed_shards_work_is_done_by_the_same_command() {
    let place = Place::new();
    let first = stopped(&place, "1/2");
    first.signal(Signal::KILL);
    first.end();
    place.run(&shard("2/2")).ok();
    place.run(&shard("1/2")).ok();
    whole(&place);
}

#[test]
fn shards_of_other_seeds_join_only_where_nobody_is_at_work() {
    let place = Place::new();
    let first = stopped(&place, "1/2");
    let more = [
        "core", "--seeds", "6", "--draws", "2", "--width", "2", "--out", "o", "--shard", "2/2",
    ];
    let refusal = place.run(&more).refusal().to_string();
    let expected =
        "o: the other shards run 4 seeds, this one 6; wait for them, or give the same --seeds";
    assert_eq!(refusal, expected);
    first.signal(Signal::CONT);
    first.end().ok();
    place.run(&more).ok();
    let done = place.run(&shard("1/2")).ok();
    assert!(
        done.stderr.contains("x 6 seeds x 2 draws"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_shard_with_another_plugin_is_refused() {
    let place = Place::with_fixture(&["steady"], "");
    let run = |of| {
        let run = [
            "tests", "--seeds", "2", "--draws", "2", "--width", "2", "--out", "o",
        ];
        place.run(&[&run[..], &["--shard", of]].concat())
    };
    run("1/2").ok();
    let other = patched(&built_fixture(), b"picklock-mark-1", b"picklock-mark-2");
    place.put("tests", &other);
    place.trust(&["tests"]);
    let refusal = run("2/2").refusal().to_string();
    let expected =
        "o: began with another plugin tests than shard 2/2 has; give all shards the same one";
    assert!(refusal.starts_with(expected), "{refusal}");
}

#[test]
fn what_is_no_shard_is_refused() {
    let place = Place::new();
    let refusal = place.run(&shard("3/2")).refusal().to_string();
    assert!(
        refusal.contains("expected I/N, as in 2/3, with I from 1 to N"),
        "{refusal}"
    );
}
