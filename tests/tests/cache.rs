//! The cache: what it holds, what goes, and that a model is made once.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_tests::Place;
use rustix::process::Signal;

const RUN: [&str; 7] = ["core", "--seeds", "2", "--draws", "8", "--out", "o"];

fn models(place: &Place) -> usize {
    let entries = std::fs::read_dir(place.cached_models()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.')).count()
}

#[test]
fn it_is_listed_and_pruned() {
    let place = Place::new();
    place.run(&RUN).ok();
    let list = place.picklock(&["cache", "list"]).ok().stdout;
    assert!(list.starts_with("model   organism  seed  lock "), "{list}");
    for model in ["base    micro ", "weak    micro ", "locked  micro "] {
        assert_eq!(list.matches(model).count(), 2, "{model}: {list}");
    }
    assert!(
        list.contains("  plain  ") && list.contains("\n6 models, "),
        "{list}"
    );
    assert!(list.ends_with("; the limit is 20.0 GiB\n"), "{list}");
    let none = place
        .picklock(&["cache", "prune", "--older-than", "1"])
        .ok()
        .stdout;
    assert!(none.starts_with("removed 0 models"), "{none}");
    let all = place
        .picklock(&["cache", "prune", "--keep-gb", "0"])
        .ok()
        .stdout;
    assert!(all.starts_with("removed 6 models ("), "{all}");
    assert!(all.ends_with("; 0.0 KiB stay\n"), "{all}");
    assert_eq!(models(&place), 0);
}

#[test]
fn a_run_keeps_to_the_limit_and_says_so() {
    let place = Place::new();
    let limit = [("PICKLOCK_CACHE_LIMIT", "0.0000001")];
    place.run(&RUN).ok();
    std::fs::remove_dir_all(place.here("o")).unwrap();
    let other = ["--root-seed", "1", "--workers", "1"];
    let done = place.run_with(&limit, &[&RUN[..], &other].concat()).ok();
    assert!(
        done.stderr.contains("cache: removed 6 models ("),
        "{}",
        done.stderr
    );
    let wrong = place.run_with(&[("PICKLOCK_CACHE_LIMIT", "much")], &RUN);
    let expected = "PICKLOCK_CACHE_LIMIT: expected a number of GiB, or none, got `much`";
    assert_eq!(wrong.refusal(), expected);
}

#[test]
fn what_a_live_run_uses_is_kept() {
    let place = Place::new();
    place.change("root/organisms/micro.toml", "steps = 20\n", "steps = 200\n");
    let mut run = place.start(&[&RUN[..], &["--workers", "1"]].concat());
    run.wait_for_segments(&place.here("o"), 4);
    for process in picklock_tests::children(run.pid()) {
        rustix::process::kill_process(process, Signal::STOP).unwrap();
    }
    let pruned = place
        .picklock(&["cache", "prune", "--keep-gb", "0"])
        .ok()
        .stdout;
    assert!(
        pruned.contains("; 3 that a live run uses were kept; "),
        "{pruned}"
    );
    assert_eq!(models(&place), 3);
    for process in picklock_tests::children(run.pid()) {
        rustix::process::kill_process(process, Signal::CONT).unwrap();
    }
    run.end().ok();
}

#[test]
fn of_two_runs_at_once_one_makes_each_model() {
    let place = Place::new();
    let run = |out| ["core", "--seeds", "2", "--draws", "2", "--out", out];
    let both = ["o", "p"].map(|out| place.start(&run(out)));
    for running in both {
        running.end().ok();
    }
    let mut made = Vec::new();
    for out in ["o", "p"] {
        for entry in std::fs::read_dir(place.here(&format!("{out}/logs"))).unwrap() {
            let log = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let lines = log.lines().filter_map(|line| line.split_once(" made "));
            made.extend(lines.map(|(_, what)| what.split(" seconds").next().unwrap().to_string()));
        }
    }
    made.sort();
    let kinds = ["base", "locked", "weak"];
    assert_eq!(
        made,
        kinds.map(|kind| format!("model=\"{kind}\" seeds=[0, 1]"))
    );
    let left = std::fs::read_dir(place.cached_models()).unwrap();
    assert_eq!(left.count(), 6, "it left lock files behind");
}
