//! Worker processes: how many, what they log, what a run tells a machine, and memory that runs out.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_tests::{Done, Place, tables};
use serde_json::Value;

/// Two blocks of 8 cohorts.
const RUN: [&str; 7] = ["core", "--seeds", "2", "--draws", "8", "--out", "o"];

/// The bytes of a micro model's weights, as its training takes them.
const MODEL: usize = 4 * 3808;

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&RUN[..], more].concat()
}

fn events(done: &Done) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    done.stdout.lines().map(parse).collect()
}

fn of<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events
        .iter()
        .filter(|event| event["event"] == kind)
        .collect()
}

#[test]
fn two_workers_give_the_bytes_of_one_and_each_has_a_log() {
    let (one, two) = (Place::new(), Place::new());
    let done = one.run(&with(&["--workers", "1"])).ok();
    assert!(
        done.stderr.contains(" on cpu (1 worker processes), "),
        "{}",
        done.stderr
    );
    let done = two.run(&with(&["--workers", "2", "--device", "cpu"])).ok();
    assert!(
        done.stderr.contains(" on cpu (2 worker processes), "),
        "{}",
        done.stderr
    );
    assert!(tables(&one.here("o")) == tables(&two.here("o")));
    let log = |index| std::fs::read_to_string(two.here(&format!("o/logs/worker-{index}.log")));
    for index in 0..2 {
        let log = log(index).unwrap();
        for part in [
            "worker starts",
            "cohort begins",
            "cohort ends",
            "made model=\"base\"",
        ] {
            assert!(log.contains(&format!(" INFO {part}")), "no {part} in {log}");
        }
    }
    let quiet = Place::new();
    quiet.run_with(&[("PICKLOCK_LOG", "warn")], &RUN).ok();
    let log = std::fs::read_to_string(quiet.here("o/logs/worker-0.log")).unwrap();
    assert_eq!(log, "");
    let wrong = quiet.run_with(&[("PICKLOCK_LOG", "loud")], &RUN);
    let expected = "PICKLOCK_LOG: expected off, error, warn, info, debug or trace, got `loud`";
    assert_eq!(wrong.refusal(), expected);
}

#[test]
fn events_are_json_lines_and_nothing_else() {
    let place = Place::new();
    let done = place.run(&with(&["--json"])).ok();
    assert_eq!(done.stderr, "");
    let events = events(&done);
    assert_eq!(events[0]["event"], "plan");
    assert_eq!(events[0]["trials"], 128);
    let cohorts = of(&events, "cohort");
    assert_eq!(cohorts.len(), 16);
    let trials: u64 = cohorts
        .iter()
        .map(|cohort| cohort["trials"].as_u64().unwrap())
        .sum();
    assert_eq!(trials, 128);
    assert_eq!(of(&events, "hypothesis")[0]["trials"], 128);
    let end = &events[events.len() - 1];
    assert_eq!(end["event"], "end");
    assert_eq!((&end["trials"], &end["failed"]), (&128.into(), &0.into()));
    let seconds = |name: &str| end[name].as_f64().unwrap();
    assert!(seconds("lab_seconds") <= seconds("worker_seconds"), "{end}");
    assert!(place.here("o/summary.csv").exists());

    let done = place.run(&[
        "core", "--seeds", "3", "--draws", "3", "--out", "o", "--json",
    ]);
    let error = of(&self::events(&done), "error")[0]["message"].clone();
    assert_eq!(error.as_str(), Some(done.complaint()));
}

#[test]
fn without_a_terminal_a_line_a_hypothesis_is_enough() {
    let place = Place::new();
    let done = place.run(&RUN).ok();
    let lines = done.stderr.lines().filter(|line| line.starts_with('['));
    let lines: Vec<&str> = lines.collect();
    assert!(lines.len() <= 2, "{lines:#?}");
    assert!(
        lines[lines.len() - 1].contains("] core: 128 trials ("),
        "{lines:#?}"
    );
}

#[test]
fn memory_that_runs_out_makes_stacks_narrower_and_the_journal_says_so() {
    let (short, plenty) = (Place::new(), Place::new());
    // The weights of 8 models side by side in one tensor, and of 4.
    let fault = format!("memory:{},{}", 8 * MODEL, 4 * MODEL);
    let done = short.run_with_fault(&fault, &RUN).ok();
    for line in [
        "out of memory with 8 side by side; going on with 4",
        "out of memory with 4 side by side; going on with 2",
    ] {
        assert!(done.stderr.contains(line), "{}", done.stderr);
    }
    plenty.run(&RUN).ok();
    assert!(tables(&short.here("o")) == tables(&plenty.here("o")));
    let mut noted = 0;
    for entry in std::fs::read_dir(short.here("o/journal")).unwrap() {
        let packed = std::fs::read(entry.unwrap().path()).unwrap();
        let text = zstd::decode_all(&*packed).unwrap();
        let segment: Value = serde_json::from_slice(&text).unwrap();
        let note = "out of memory: 2 members side by side, 8 were planned";
        noted += usize::from(segment["notes"][0] == note);
    }
    assert!(noted >= 8, "{noted} of 16 segments say so");
}

#[test]
fn one_by_one_takes_other_stacks_and_says_the_same() {
    let (alone, together) = (Place::new(), Place::new());
    alone.run(&with(&["--width", "1"])).ok();
    together.run(&RUN).ok();
    assert!(tables(&alone.here("o")) == tables(&together.here("o")));
    let other = alone.run(&with(&["--width", "4"])).refusal().to_string();
    assert!(
        other.starts_with("o: began 1 members wide, this is 4; "),
        "{other}"
    );
}
