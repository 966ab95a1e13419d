//! What a run would hold and cost is said before it starts, and nothing is written.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_tests::{Place, skipped};
use serde_json::Value;

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

/// The events of a plan, which writes nothing else to stdout.
fn events(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    text.lines().map(parse).collect()
}

#[test]
fn a_narrower_run_is_expected_to_take_longer() {
    let place = Place::new();
    let seconds = |width: &str| {
        let run = ["plan", "core", "--organism", "micro", "--draws", "4"];
        let width = ["--seeds", "2", "--width", width, "--no-build", "--json"];
        let done = place.picklock(&[&run[..], &width].concat()).ok();
        let plan = &events(&done.stdout)[0];
        let parts = plan["hypotheses"].as_array().unwrap();
        let parts = parts
            .iter()
            .map(|part| part["expected_seconds"].as_f64().unwrap());
        let all = plan["expected_seconds"].as_f64().unwrap();
        assert!((parts.sum::<f64>() / all - 1.0).abs() < 1e-9, "{plan}");
        all
    };
    // All draws of a seed at a time, some of them, and one by one.
    let seconds = ["4", "3", "1"].map(seconds);
    assert!(
        seconds[0] < seconds[1] && seconds[1] < seconds[2],
        "{seconds:?}"
    );
}

#[test]
fn a_plan_for_machines_says_what_the_runs_first_event_says() {
    let place = Place::new();
    let arguments = [
        "weight-noise",
        "--seeds",
        "3",
        "--draws",
        "2",
        "--width",
        "4",
        "--workers",
        "7",
        "--out",
        "o",
        "--json",
    ];
    let plan = |first: &[&str]| {
        let rest = ["--organism", "micro", "--no-build"];
        let done = place
            .picklock(&[first, &arguments[..], &rest].concat())
            .ok();
        assert_eq!(done.stderr, "");
        events(&done.stdout)
    };
    let planned = plan(&["plan"]);
    assert_eq!(planned, plan(&["run", "--dry-run"]));
    assert!(!place.here("o").exists());
    let first = &planned[0];
    assert_eq!(
        (&first["event"], &first["run"]),
        (&"plan".into(), &"o".into())
    );
    // Two blocks, whose workers are those that start, of 7.
    assert_eq!(first["devices"], serde_json::json!(["cpu", "cpu"]));
    let numbers = [
        "seeds",
        "draws",
        "problems",
        "width",
        "seeds_per_block",
        "blocks",
    ];
    assert_eq!(
        numbers.map(|key| first[key].as_u64().unwrap()),
        [3, 2, 16, 4, 2, 2]
    );
    let parts = first["hypotheses"].as_array().unwrap();
    let names: Vec<&Value> = parts.iter().map(|part| &part["hypothesis"]).collect();
    assert_eq!(names, ["core", "weight-noise"]);
    let sum = |key: &str| {
        parts
            .iter()
            .map(|part| part[key].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!(
        (Some(sum("trials")), sum("to_run")),
        (first["trials"].as_u64(), sum("trials"))
    );
    for event in &planned[1..] {
        assert_eq!(event["event"], "power");
        assert!(event["points"].as_f64().unwrap() > 0.0, "{event}");
        assert!(
            event["noise"].as_str().unwrap().contains("(assumed)"),
            "{event}"
        );
    }
    let power = planned
        .iter()
        .filter(|event| event["hypothesis"] == "weight-noise");
    assert_eq!(power.count(), planned.len() - 1);

    let run = place.run(&arguments).ok().stdout;
    assert_eq!(&events(&run)[0], first);
    let again = &plan(&["plan"])[0];
    assert_eq!(
        (&again["done"], &again["cohorts"]),
        (&first["trials"], &0.into())
    );
    assert_eq!(
        (&again["devices"], &again["blocks"]),
        (&Value::Array(vec![]), &0.into())
    );
    let wrong = place.picklock(&["plan", "gravity", "--json"]).with_code(2);
    let told = "unknown hypothesis `gravity`; there are core, weight-noise";
    assert_eq!(events(&wrong.stdout)[0]["message"], told);
    assert_eq!(wrong.complaint(), told);
}

#[test]
fn a_shards_plan_counts_its_own_trials() {
    let place = Place::new();
    let shard = [
        "plan",
        "core",
        "--seeds",
        "3",
        "--draws",
        "2",
        "--width",
        "2",
        "--shard",
        "2/2",
        "--organism",
        "micro",
        "--no-build",
    ];
    let text = place.picklock(&shard).ok().stdout;
    assert!(
        text.contains(", into results/micro-core (shard 2/2)\n"),
        "{text}"
    );
    assert_eq!(row(&text, "core")[..3], ["8", "16", "16"]);
    assert_eq!(row(&text, "in all")[..2], ["16", "16"]);
}

#[test]
fn a_plan_says_that_its_folder_cannot_be_written() {
    let place = Place::new();
    place.write("here/file", "something else");
    std::fs::create_dir(place.here("thesis")).unwrap();
    place.write(
        "here/thesis/chapter-1.txt",
        "It was a dark and stormy night.",
    );
    for (out, problem) in [
        ("file/o", "file/o: can't make the folder: not a directory"),
        ("file", "file: can't write: not a directory"),
        (
            "thesis",
            "thesis: not a run folder, and not empty; choose another one with --out",
        ),
    ] {
        let done = place.run(&["core", "--dry-run", "--out", out]).ok();
        assert_eq!(done.stderr, format!("a run would be refused: {problem}\n"));
        assert!(done.stdout.starts_with("micro: 4 seeds"), "{done:?}");
        assert_eq!(place.run(&["core", "--out", out]).refusal(), problem);
        let done = place
            .run(&["core", "--dry-run", "--json", "--out", out])
            .ok();
        let note = &events(&done.stdout)[1];
        assert_eq!(note["text"], format!("a run would be refused: {problem}"));
    }
    let script = "mkdir ro && mount -t tmpfs -o ro none ro && exec \"$@\"";
    let run = ["core", "--dry-run", "--out", "ro/o"];
    let Some(done) = place.in_own_mounts(script, &run) else {
        return skipped("this user may not mount");
    };
    let problem = "a run would be refused: ro/o: can't make the folder: read-only file system";
    assert!(done.ok().stderr.starts_with(problem));
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
