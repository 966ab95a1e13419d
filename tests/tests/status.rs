//! `picklock status`, and running failed trials again.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_tests::{Place, snapshot, tables, wait_for};
use rustix::process::Signal;
use serde_json::Value;

const RUN: [&str; 7] = ["core", "--seeds", "2", "--draws", "8", "--out", "o"];

fn json(place: &Place) -> Value {
    let done = place.picklock(&["status", "o", "--json"]);
    serde_json::from_str(&done.stdout).unwrap()
}

fn count(status: &Value, what: &str) -> u64 {
    status["all"][what].as_u64().unwrap()
}

#[test]
fn it_says_what_is_done_running_and_missing_and_what_is_next() {
    let place = Place::new();
    place.change("root/organisms/micro.toml", "steps = 20\n", "steps = 200\n");
    let mut running = place.start(&RUN);
    running.wait_for_segments(&place.here("o"), 1);
    let before = snapshot(&place.here("o/hypotheses"));
    wait_for("a worker at work", || count(&json(&place), "running") > 0);
    running.signal(Signal::STOP);
    let status = json(&place);
    let parts = ["done", "running", "failed", "missing"].map(|what| count(&status, what));
    assert_eq!(
        parts.iter().sum::<u64>(),
        count(&status, "trials"),
        "{status}"
    );
    assert_eq!(status["all"]["trials"], 8 * 16);
    let process = &status["processes"][0];
    assert_eq!(process["alive"], true);
    assert_eq!(
        process["pid"],
        i64::from(running.pid().as_raw_nonzero().get())
    );
    assert!(process["workers"][0]["arm"].is_string(), "{status}");
    let shown = place.picklock(&["status", "o"]).with_code(1).stdout;
    let header = "hypothesis  trials  done  running  failed  missing\n";
    assert!(shown.starts_with(header), "{shown}");
    assert!(shown.contains("\nrunning: the run, process "), "{shown}");
    assert!(
        shown.ends_with("\nnext: wait for it; it reports at its end\n"),
        "{shown}"
    );

    running.signal(Signal::KILL);
    running.end();
    let shown = place.picklock(&["status", "o"]).with_code(1).stdout;
    assert!(shown.contains("\nstale: the run, process "), "{shown}");
    assert_eq!(count(&json(&place), "running"), 0);
    let next = "next: `picklock run core --organism micro --seeds 2 --draws 8 --out o` goes on where it stopped\n";
    assert!(shown.ends_with(next), "{shown}");

    place.run(&RUN).ok();
    let shown = place.picklock(&["status", "o"]).ok().stdout;
    assert!(
        shown.contains("\nin all         128   128        0       0        0\n"),
        "{shown}"
    );
    assert!(
        shown.ends_with("\nnext: nothing; `picklock report o` shows it\n"),
        "{shown}"
    );
    assert!(snapshot(&place.here("o/hypotheses")) == before);
    let none = place.picklock(&["status", "nowhere"]).refusal().to_string();
    assert_eq!(none, "nowhere: no run folder: it has no manifest.json");
}

#[test]
fn an_organism_that_is_no_preset_is_named_by_its_file() {
    let place = Place::new();
    std::fs::create_dir(place.here("own")).unwrap();
    std::fs::rename(
        place.path("root/organisms/micro.toml"),
        place.here("own/mine.toml"),
    )
    .unwrap();
    let run = [
        "core",
        "--organism",
        "own/mine.toml",
        "--seeds",
        "1",
        "--draws",
        "1",
        "--out",
        "o",
    ];
    place.run(&run).ok();
    std::fs::remove_dir_all(place.here("o/journal")).unwrap();
    std::fs::create_dir(place.here("o/journal")).unwrap();
    let shown = place.picklock(&["status", "o"]).with_code(1).stdout;
    assert!(
        shown.contains(" --organism FOLDER/mine.toml --seeds 1 "),
        "{shown}"
    );
}

#[test]
fn failed_trials_run_again_when_asked_and_their_records_stay() {
    let arms = ["wants-a-file", "gives-up", "steady"];
    let run = ["tests", "--seeds", "2", "--draws", "4", "--out", "o"];
    let retry = [&run[..], &["--retry-failed"]].concat();
    let place = Place::with_fixture(&arms, "");
    assert_eq!(place.run(&run).code, Some(1));
    let status = json(&place);
    let failed = count(&status, "failed");
    assert!((9..16).contains(&failed), "{status}");
    let reasons = status["failures"].as_array().unwrap().iter();
    assert!(
        reasons
            .clone()
            .any(|failure| failure["reason"] == "no file `mended`")
    );
    let shown = place.picklock(&["status", "o"]).with_code(1).stdout;
    assert!(shown.contains("failed: tests/"), "{shown}");
    assert!(
        shown.ends_with("--out o --retry-failed` runs the failed trials again\n"),
        "{shown}"
    );

    place.write("here/mended", "");
    let done = place.run(&run).with_code(1);
    assert!(
        done.stderr.contains("all of them are in the journal"),
        "{}",
        done.stderr
    );
    let before = snapshot(&place.here("o/journal"));
    let looked = place
        .run(&[&retry[..], &["--dry-run", "--json"]].concat())
        .ok();
    let plan: Value = serde_json::from_str(looked.stdout.lines().next().unwrap()).unwrap();
    let open = plan["trials"].as_u64().unwrap() - plan["done"].as_u64().unwrap();
    assert_eq!(open, failed, "{plan}");
    assert!(snapshot(&place.here("o/journal")) == before);
    let done = place.run(&retry).with_code(1);
    let again = format!("{failed} failed trials are run again\n");
    assert!(done.stderr.contains(&again), "{}", done.stderr);
    assert_eq!(
        count(&json(&place), "failed"),
        8,
        "only what gives up fails now"
    );
    // A failure that fails again has its old record beside the new one.
    assert_eq!(place.run(&retry).code, Some(1));
    let after = snapshot(&place.here("o/journal"));
    assert!(
        before
            .values()
            .all(|bytes| after.values().any(|kept| kept == bytes))
    );
    assert!(
        after
            .keys()
            .any(|path| path.to_string_lossy().ends_with(".superseded-2"))
    );

    let other = Place::with_fixture(&arms, "");
    other.write("here/mended", "");
    assert_eq!(other.run(&run).code, Some(1));
    assert!(tables(&place.here("o")) == tables(&other.here("o")));
}
