//! A run that is killed or stopped goes on where it was, and ends in the same bytes.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::path::Path;

use picklock_tests::{Place, Running, Table, children, has_ended, tables, wait_for};
use rustix::process::{Pid, Signal, kill_process};

/// Two blocks of 8 cohorts: two workers where there are two cores.
const RUN: [&str; 7] = ["core", "--seeds", "2", "--draws", "8", "--out", "o"];

/// A place whose organism takes its time with unlocking, so that there is a run to disturb.
fn unhurried() -> Place {
    let place = Place::new();
    place.change("root/organisms/micro.toml", "steps = 20\n", "steps = 100\n");
    place
}

/// What an undisturbed run writes.
fn undisturbed() -> String {
    let place = unhurried();
    place.run(&RUN).ok();
    tables(&place.here("o"))
}

fn hidden_files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with('.')).collect()
}

/// A run that has written this many segments, and its workers.
fn started(place: &Place, segments: usize) -> (Running, Vec<Pid>) {
    let mut run = place.start(&RUN);
    run.wait_for_segments(&place.here("o"), segments);
    let workers = children(run.pid());
    assert!(!workers.is_empty(), "it has no workers");
    (run, workers)
}

#[test]
fn a_killed_run_goes_on_and_ends_in_the_same_bytes() {
    let place = unhurried();
    for segments in [1, 3, 6] {
        let (run, workers) = started(&place, segments);
        run.signal(Signal::KILL);
        assert_eq!(run.end().code, None);
        // The next run does not wait for the old one's workers; but they do end.
        if segments != 3 {
            wait_for("the workers' end", || {
                workers.iter().all(|pid| has_ended(*pid))
            });
        }
    }
    let done = place.run(&RUN).ok();
    assert!(
        !done.stderr.contains("112 to run"),
        "it began anew: {}",
        done.stderr
    );
    assert_eq!(hidden_files(&place.here("o/journal")), [""; 0]);
    assert_eq!(hidden_files(&place.here("o")), [".lock"]);
    assert_eq!(tables(&place.here("o")), undisturbed());
}

#[test]
fn a_killed_worker_costs_nothing() {
    let place = unhurried();
    let (run, workers) = started(&place, 2);
    for worker in workers {
        kill_process(worker, Signal::KILL).unwrap();
    }
    let done = run.end().ok();
    assert!(
        done.stderr
            .contains("signal: 9 (SIGKILL); trying its halves apart"),
        "{}",
        done.stderr
    );
    assert_eq!(tables(&place.here("o")), undisturbed());
    let trials = Table::read(&place.here("o/trials.csv"));
    assert!(trials.rows.iter().all(|row| &row["status"] == "done"));
}

#[test]
fn ctrl_c_stops_and_the_same_command_goes_on() {
    let place = unhurried();
    let (run, workers) = started(&place, 2);
    run.signal(Signal::INT);
    let done = run.end().with_code(130);
    assert_eq!(
        done.complaint(),
        "stopped; the same command goes on where it stopped"
    );
    assert!(
        workers.iter().all(|pid| has_ended(*pid)),
        "it left workers behind"
    );
    assert!(
        !place.here("o/summary.csv").exists(),
        "an unfinished run has no summary"
    );
    let kept = std::fs::read_dir(place.here("o/journal")).unwrap().count();
    assert!((2..14).contains(&kept), "{kept} segments");
    place.run(&RUN).ok();
    assert_eq!(hidden_files(&place.here("o/journal")), [""; 0]);
    assert_eq!(tables(&place.here("o")), undisturbed());
}

#[test]
fn a_run_folder_takes_one_run_at_a_time() {
    let place = unhurried();
    let (run, _) = started(&place, 1);
    run.signal(Signal::STOP);
    let in_use = "o: in use by another picklock run; wait for it, or choose another --out";
    assert_eq!(place.run(&RUN).refusal(), in_use);
    let fresh = [&RUN[..], &["--fresh"]].concat();
    assert_eq!(place.run(&fresh).refusal(), in_use);
    assert!(!place.here("o.old-1").exists(), "moved aside under a run");
    run.signal(Signal::CONT);
    run.end().ok();
    assert_eq!(tables(&place.here("o")), undisturbed());
}
