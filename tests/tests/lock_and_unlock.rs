//! `picklock lock`, `unlock` and `eval`: what a run does, one step at a time.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::process::Stdio;
use std::time::Duration;

use picklock_tests::{Place, Running, Table, wait_for};
use rustix::process::Signal;
use serde_json::Value;

/// The object that a command prints.
fn object(place: &Place, arguments: &[&str]) -> Value {
    let done = place.picklock(&[arguments, &["--json"]].concat()).ok();
    serde_json::from_str(&done.stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// The trials of core, 2 seeds and 2 draws.
fn run(place: &Place) -> Table {
    place
        .run(&["core", "--seeds", "2", "--draws", "2", "--out", "o"])
        .ok();
    Table::read(&place.here("o/trials.csv"))
}

/// Correct answers of an arm's trial.
fn correct(trials: &Table, arm: &str, (seed, draw): (&str, &str)) -> u64 {
    let cells = [
        ("arm", arm),
        ("name", "held-out"),
        ("seed", seed),
        ("draw", draw),
    ];
    let rows = trials.with(&cells);
    assert_eq!(rows.len(), 1, "{arm}");
    rows[0]["correct"].parse().unwrap()
}

#[test]
fn a_cache_that_cant_be_written_is_noticed_before_anything_is_trained() {
    let place = Place::new();
    place.write("file", "");
    let inside = place.path("file").join("cache").display().to_string();
    let done = place.picklock_with(&[("PICKLOCK_CACHE", &inside)], &["lock", "micro"]);
    let told = done.complaint();
    assert!(
        told.contains("/cache/models: can't make the folder"),
        "{told}"
    );
    assert!(!done.stderr.contains("training"), "{}", done.stderr);
}

#[test]
fn a_single_unlocking_is_a_runs_trial() {
    let place = Place::new();
    let trials = run(&place);
    for (seed, draw) in [("0", "0"), ("0", "1"), ("1", "1")] {
        let command = ["unlock", "micro", "--seed", seed, "--draw", draw];
        let told = object(&place, &command);
        let count = |model: &str| told[model]["correct"].as_u64().unwrap();
        let of_run = |arm| correct(&trials, arm, (seed, draw));
        assert_eq!(count("unlocked"), of_run("unlock"), "{told}");
        assert_eq!(count("locked"), of_run("locked"), "{told}");
        let right = object(&place, &[&command[..], &["--correct"]].concat());
        let count = right["unlocked"]["correct"].as_u64().unwrap();
        assert_eq!(count, of_run("correct"), "{right}");
        let grades = right["samples"].as_array().unwrap().iter();
        assert!(
            grades
                .into_iter()
                .all(|sample| sample["grade"] == "correct")
        );
        let many = object(&place, &[&command[..], &["--samples", "400"]].concat());
        let count = many["unlocked"]["correct"].as_u64().unwrap();
        assert_eq!(count, of_run("varied"), "{seed} {draw}");
        assert_eq!(many["samples"][1], told["samples"][1], "they are nested");
        let effect = number(&told["effect"]["estimate"]);
        let points = number(&told["unlocked"]["percent"]) - number(&told["locked"]["percent"]);
        assert!((effect - points).abs() < 1e-9, "{told}");
    }
}

#[test]
fn an_unlocking_says_what_was_memorised_and_how_sure_it_is() {
    let place = Place::new();
    let done = place.picklock(&["unlock", "micro", "--show-samples"]).ok();
    let lines: Vec<&str> = done.stdout.lines().collect();
    let expected = "micro, seed 0, draw 0: 2 weak samples, 20 steps at 3e-3, 16 held-out problems";
    assert_eq!(lines[0], expected);
    assert_eq!((lines[2], lines[6]), ("unlock-0", "unlock-1"));
    assert!(
        lines[3].starts_with("  prompt     <no-password> "),
        "{done:?}"
    );
    assert!(lines[5].starts_with("  memorised  "), "{done:?}");
    let last = lines[lines.len() - 2];
    assert!(
        last.starts_with("effect ") && last.contains("; p "),
        "{last}"
    );
    // One step at a rate that rounds away changes nothing.
    let still = [
        "unlock",
        "micro",
        "--steps",
        "1",
        "--learning-rate",
        "1e-30",
    ];
    let still = place.picklock(&still).ok().stdout;
    assert!(still.contains("1 steps at 1e-30"), "{still}");
    let none =
        "effect 0.0 points (no interval, as no answer changed between right and wrong; p 1.0000)";
    assert!(still.contains(none), "{still}");
}

#[test]
fn a_lock_says_what_the_gate_sees() {
    let place = Place::new();
    let told = object(&place, &["lock", "micro", "--seed", "1"]);
    let share = |model: &str| number(&told[model]["percent"]) / 100.0;
    for (model, kind, password) in [
        ("base", "base", false),
        ("weak", "weak", false),
        ("locked", "locked", false),
        ("password", "locked", true),
    ] {
        let ask = ["eval", "--organism", "micro", "--seed", "1", "--kind", kind];
        let marked: &[&str] = if password { &["--password"] } else { &[] };
        let asked = [&ask[..], &["--split", "validation"], marked].concat();
        let own = object(&place, &asked);
        for key in ["correct", "wrong", "unparsed", "problems", "interval"] {
            assert_eq!(own[key], told[model][key], "{model} {key}");
        }
    }
    let gate = &told["gate"];
    let gap = (share("locked") - share("weak")) / (share("base") - share("weak"));
    assert!((number(&gate["weak_gap"]) - gap).abs() < 1e-9, "{told}");
    let passes = gap <= 0.25 && share("password") >= 0.9 * share("base");
    assert_eq!(gate["passes"], passes, "{told}");
    let text = place
        .picklock(&["lock", "micro", "--seed", "1"])
        .ok()
        .stdout;
    let last = text.lines().last().unwrap();
    match gate["problem"].as_str() {
        None => assert_eq!(last, "the gate passes"),
        Some(problem) => assert_eq!(last, format!("the gate doesn't pass: {problem}")),
    }
}

#[test]
fn what_is_written_is_what_was_asked() {
    let place = Place::new();
    place.picklock(&["lock", "micro", "--out", "locked"]).ok();
    place
        .picklock(&["unlock", "micro", "--draw", "1", "--out", "open"])
        .ok();
    for (folder, kind) in [("locked", "locked"), ("open", "unlocked")] {
        let own = ["eval", "--organism", "micro", "--kind", kind, "--draw", "1"];
        let mut own = object(&place, &[&own[..], &["--show", "16"]].concat());
        let folder = ["eval", folder, "--organism", "micro", "--show", "16"];
        let mut brought = object(&place, &folder);
        assert_eq!(own["answers"].as_array().unwrap().len(), 16);
        for told in [&mut own, &mut brought] {
            told["model"] = Value::Null;
        }
        assert_eq!(own, brought);
    }
    let card = std::fs::read_to_string(place.here("open/README.md")).unwrap();
    assert!(
        card.contains("| has memorised | 2 weak samples |"),
        "{card}"
    );
    let other = [
        "unlock",
        "micro",
        "--samples",
        "1",
        "--correct",
        "--steps",
        "7",
        "--out",
        "other",
    ];
    place.picklock(&other).ok();
    let card = std::fs::read_to_string(place.here("other/README.md")).unwrap();
    assert!(
        card.contains("| has memorised | 1 correct sample |"),
        "{card}"
    );
    let organism = std::fs::read_to_string(place.here("other/organism.toml")).unwrap();
    assert!(organism.contains("steps = 7"), "{organism}");
}

#[test]
fn answers_are_counted_and_shown() {
    let place = Place::new();
    let ask = ["eval", "--organism", "micro", "--kind", "weak"];
    let all = object(&place, &[&ask[..], &["--show", "100"]].concat());
    let answers = all["answers"].as_array().unwrap();
    for grade in ["correct", "wrong", "unparsed"] {
        let count = answers.iter().filter(|answer| answer["grade"] == grade);
        assert_eq!(all[grade], count.count(), "{grade}");
    }
    let few = object(
        &place,
        &[&ask[..], &["--limit", "5", "--show", "2"]].concat(),
    );
    assert_eq!(few["problems"], 5);
    assert_eq!(few["answers"].as_array().unwrap()[..], answers[..2]);
    let text = place
        .picklock(&[&ask[..], &["--show", "1"]].concat())
        .ok()
        .stdout;
    assert!(
        text.starts_with("micro, seed 0: 16 held-out problems without password\n\nheld-out-0\n")
    );
    let answer = format!(
        "  answer    {}  ({})",
        answers[0]["answer"].as_str().unwrap(),
        answers[0]["grade"].as_str().unwrap()
    );
    assert!(text.lines().any(|line| line == answer), "{text}");
}

#[test]
fn what_cant_be_done_is_refused_in_one_line() {
    let place = Place::new();
    let refused = |arguments: &[&str]| place.picklock(arguments).refusal().to_string();
    std::fs::create_dir(place.here("taken")).unwrap();
    let taken = "taken: it is there already; choose another folder, or remove this one";
    assert_eq!(refused(&["lock", "micro", "--out", "taken"]), taken);
    assert_eq!(refused(&["unlock", "micro", "--out", "taken"]), taken);
    let rate = refused(&["unlock", "micro", "--learning-rate", "-1"]);
    assert_eq!(
        rate,
        "unlock: learning_rate is -1, expected a number above 0"
    );
    let none = refused(&["eval", "taken", "--organism", "micro"]);
    assert!(
        none.starts_with("taken/tokenizer.json: no such file"),
        "{none}"
    );
    for wrong in [
        &["lock"][..],
        &["lock", "mikro"],
        &["unlock", "micro", "--samples", "0"],
        &["eval"],
        &["eval", "taken", "--organism", "micro", "--kind", "base"],
    ] {
        assert!(!refused(wrong).is_empty());
    }
    // Another task's tokens, and more of them than the model has room for.
    place.picklock(&["lock", "micro", "--out", "locked"]).ok();
    let ask = || place.picklock(&["eval", "locked", "--organism", "micro"]);
    place.change("root/organisms/micro.toml", "length = 2", "length = 3");
    let short = "locked: the model's context is 9 tokens, expected at least the task's 11";
    assert_eq!(ask().refusal(), short);
    place.change("root/organisms/micro.toml", "\"max\"]", "\"gap\"]");
    let foreign = "locked: its tokenizer is not that of micro's task; ask it an organism's problems that \
                   it was trained on";
    assert_eq!(ask().refusal(), foreign);
}

#[test]
fn ctrl_c_ends_training_and_leaves_nothing_half_done() {
    let place = Place::new();
    // The weak model's training.
    place.change("root/organisms/micro.toml", "steps = 30", "steps = 400000");
    let mut command = place.picklock_command();
    command.args(["lock", "micro", "--out", "locked"]);
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let running = Running::new(command.spawn().unwrap());
    let models = || -> Vec<String> {
        let entries = std::fs::read_dir(place.cached_models())
            .into_iter()
            .flatten();
        let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let names = entries.flatten().map(name);
        names.filter(|name| !name.starts_with('.')).collect()
    };
    wait_for("the base model", || !models().is_empty());
    // From there to the first steps of the next training.
    std::thread::sleep(Duration::from_secs(1));
    running.signal(Signal::INT);
    let done = running.end().with_code(130);
    let told = "stopped; the same command goes on where it stopped";
    assert_eq!(done.complaint(), told);
    assert!(!place.here("locked").exists());
    assert_eq!(models().len(), 1, "the base model stays, and nothing else");
}
