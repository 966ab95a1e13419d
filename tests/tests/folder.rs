//! A run folder belongs to one organism and one set of hypotheses.

use picklock_tests::{Place, Table, built_fixture, patched, snapshot};

const RUN: [&str; 7] = ["core", "--seeds", "2", "--draws", "2", "--out", "o"];

/// A place with a finished run in `o`.
fn after_a_run() -> Place {
    let place = Place::new();
    place.run(&RUN).ok();
    place
}

/// Runs what does not belong into `o`: it must say why, and leave everything as it was.
fn refused(place: &Place, arguments: &[&str], why: &str) {
    let before = snapshot(&place.here("o"));
    let done = place.run(arguments);
    let line = done.refusal();
    assert!(line.starts_with("o: ") && line.contains(why), "{line}");
    assert!(line.contains("--out") && line.contains("--fresh"), "{line}");
    assert!(
        snapshot(&place.here("o")) == before,
        "it touched the folder"
    );
}

#[test]
fn the_same_command_again_trains_nothing() {
    let place = after_a_run();
    let before = snapshot(&place.here("o"));
    // Without models whatever needs one would have to train it.
    std::fs::remove_dir_all(place.cached_models()).unwrap();
    let done = place.run(&RUN).ok();
    assert!(
        done.stderr.ends_with("all of them are in the journal\n"),
        "{}",
        done.stderr
    );
    assert!(!place.cached_models().exists(), "it trained a model");
    assert!(
        snapshot(&place.here("o")) == before,
        "it changed the folder"
    );
}

#[test]
fn another_organism_does_not_fit() {
    let place = after_a_run();
    let micro = "root/organisms/micro.toml";
    std::fs::copy(place.path(micro), place.path("root/organisms/other.toml")).unwrap();
    let other = [&RUN[..], &["--organism", "other"]].concat();
    refused(&place, &other, "belongs to organism micro, this is other");
    place.change(micro, "steps = 40", "steps = 41");
    refused(&place, &RUN, "an earlier version of organism micro");
}

#[test]
fn other_hypotheses_do_not_fit() {
    let place = after_a_run();
    let both = [&["weight-noise"], &RUN[..]].concat();
    refused(
        &place,
        &both,
        "belongs to hypotheses core, this is core, weight-noise",
    );
    let other = [&["weight-noise"], &RUN[1..]].concat();
    refused(
        &place,
        &other,
        "belongs to hypotheses core, this is weight-noise",
    );
    place.change("root/hypotheses/core.toml", "alpha = 0.05", "alpha = 0.10");
    refused(
        &place,
        &RUN,
        "hypotheses/core.toml has changed since this run began",
    );
}

#[test]
fn other_draws_or_another_root_seed_do_not_fit() {
    let place = after_a_run();
    let draws = ["core", "--seeds", "2", "--draws", "3", "--out", "o"];
    refused(
        &place,
        &draws,
        "root seed 0 with 2 draws, this is root seed 0 with 3 draws",
    );
    let root = [&RUN[..], &["--root-seed", "5"]].concat();
    refused(
        &place,
        &root,
        "root seed 0 with 2 draws, this is root seed 5 with 2 draws",
    );
}

#[test]
fn another_numeric_environment_does_not_fit() {
    let place = after_a_run();
    place.change(
        "here/o/manifest.json",
        "\"libtorch\": \"2.11.0\"",
        "\"libtorch\": \"2.9.1\"",
    );
    refused(&place, &RUN, "belongs to environment cpu");
}

#[test]
fn what_is_no_run_folder_is_left_alone() {
    let place = Place::new();
    std::fs::create_dir(place.here("thesis")).unwrap();
    place.write(
        "here/thesis/chapter-1.txt",
        "It was a dark and stormy night.",
    );
    let done = place.run(&["core", "--out", "thesis"]);
    let expected = "thesis: not a run folder, and not empty; choose another one with --out";
    assert_eq!(done.refusal(), expected);
    assert_eq!(snapshot(&place.here("thesis")).len(), 1);
}

#[test]
fn fresh_moves_the_old_folder_aside() {
    let place = after_a_run();
    let old = snapshot(&place.here("o"));
    let arguments = [
        "core", "--seeds", "1", "--draws", "2", "--out", "o", "--fresh",
    ];
    let done = place.run(&arguments).ok();
    assert!(
        done.stderr.contains("o moved aside to o.old-1\n"),
        "{}",
        done.stderr
    );
    let moved = snapshot(&place.here("o.old-1"));
    assert!(
        old.values().eq(moved.values()),
        "the old folder is another one now"
    );
    let summary = Table::read(&place.here("o/summary.csv"));
    assert!(summary.rows.iter().all(|row| &row["n_seeds"] == "1"));
    place.run(&arguments).ok();
    assert!(place.here("o.old-2").exists());
}

#[test]
fn fresh_takes_a_path_that_ends_in_a_slash() {
    let place = after_a_run();
    let run = [
        "core", "--seeds", "1", "--draws", "1", "--out", "o/", "--fresh",
    ];
    place.run(&run).ok();
    assert!(place.here("o.old-1/summary.csv").exists());
}

#[test]
fn seeds_added_after_looking_make_the_run_exploratory() {
    let place = Place::new();
    let least = "least = { seeds = 4, draws = 4, problems = 200 }";
    let enough = "least = { seeds = 2, draws = 2, problems = 16 }";
    place.change("root/hypotheses/core.toml", least, enough);
    place.run(&RUN).ok();
    let exploratory = || {
        let summary = Table::read(&place.here("o/summary.csv"));
        let cells = |row: &picklock_tests::Row| {
            (row["n_seeds"].to_string(), row["exploratory"].to_string())
        };
        summary.rows.iter().map(cells).collect::<Vec<_>>()
    };
    assert_eq!(exploratory(), vec![("2".into(), "false".into()); 3]);
    let kept = snapshot(&place.here("o/journal"));
    let more = ["core", "--seeds", "3", "--draws", "2", "--out", "o"];
    let done = place.run(&more).ok();
    assert!(
        done.stderr.contains("\n16 to run in 8 cohorts"),
        "{}",
        done.stderr
    );
    assert_eq!(exploratory(), vec![("3".into(), "true".into()); 3]);
    let journal = snapshot(&place.here("o/journal"));
    assert!(
        kept.iter()
            .all(|(path, bytes)| journal.get(path) == Some(bytes))
    );
    // Fewer seeds than are there: all of them stay.
    let done = place.run(&RUN).ok();
    assert!(
        done.stderr.contains("all of them are in the journal"),
        "{}",
        done.stderr
    );
    assert_eq!(exploratory(), vec![("3".into(), "true".into()); 3]);
}

#[test]
fn added_seeds_give_the_same_trials_as_seeds_planned() {
    let (grown, planned) = (after_a_run(), Place::new());
    grown
        .run(&["core", "--seeds", "4", "--draws", "2", "--out", "o"])
        .ok();
    planned
        .run(&["core", "--seeds", "4", "--draws", "2", "--out", "o"])
        .ok();
    let trials = |place: &Place| Table::read(&place.here("o/trials.csv"));
    for trial in trials(&planned).rows {
        let cells = ["hypothesis", "arm", "seed", "draw", "name", "locked_digest"];
        let same = trials(&grown)
            .with(&cells.map(|column| (column, &trial[column])))
            .len();
        assert_eq!(same, 1, "{trial:?}");
    }
}

#[test]
fn a_changed_plugin_runs_its_own_trials_again() {
    let place = Place::with_fixture(&["steady"], "");
    let run = ["tests", "--seeds", "2", "--draws", "2", "--out", "o"];
    place.run(&run).ok();
    let marks = || {
        let trials = Table::read(&place.here("o/trials.csv"));
        let marks = trials.with(&[("name", "mark")]);
        marks
            .iter()
            .map(|row| row.number("value"))
            .collect::<Vec<_>>()
    };
    assert_eq!(marks(), [1.0; 4]);
    let kept = snapshot(&place.here("o/journal"));
    let core = std::fs::read(place.here("o/trials.csv")).unwrap();

    let other = patched(&built_fixture(), b"picklock-mark-1", b"picklock-mark-2");
    place.put("tests", &other);
    place.trust(&["tests"]);
    let done = place.run(&run).ok();
    assert!(
        done.stderr.contains("\n4 to run in 1 cohorts"),
        "{}",
        done.stderr
    );
    assert_eq!(
        marks(),
        [2.0; 4],
        "the old plugin's trials are still in the report"
    );
    let journal = snapshot(&place.here("o/journal"));
    assert!(
        kept.iter()
            .all(|(path, bytes)| journal.get(path) == Some(bytes))
    );
    assert_eq!(journal.len(), kept.len() + 1);

    // Back to the first: its trials are all there.
    place.put("tests", &built_fixture());
    place.trust(&["tests"]);
    let done = place.run(&run).ok();
    assert!(
        done.stderr.contains("all of them are in the journal"),
        "{}",
        done.stderr
    );
    assert_eq!(std::fs::read(place.here("o/trials.csv")).unwrap(), core);
}

/// A manifest that was edited by hand, or damaged: each edit, and what is said of it.
const DAMAGE: [(&str, &str, &str); 20] = [
    (
        "\"seeds\": 2",
        "\"seeds\": 0",
        "seeds is 0, expected 1 to 10,000",
    ),
    (
        "\"seeds\": 2",
        "\"seeds\": 4000000000",
        "seeds is 4,000,000,000, expected 1 to 10,000",
    ),
    (
        "\"seeds\": 2",
        "\"seeds\": 5000000000",
        "seeds: invalid value: integer `5000000000`, expected u32",
    ),
    (
        "\"seeds\": 2",
        "\"seeds\": -2",
        "seeds: invalid value: integer `-2`, expected u32",
    ),
    (
        "\"seeds\": 2",
        "\"seeds\": \"two\"",
        "seeds: invalid type: string \"two\", expected u32",
    ),
    ("\"seeds\": 2", "\"sedes\": 2", "missing field `seeds`"),
    (
        "\"seeds\": 2",
        "\"seeds\": 2, \"sedes\": 2",
        "unknown key `sedes`; did you mean `seeds`?",
    ),
    (
        "\"planned_seeds\": 2",
        "\"planned_seeds\": 0",
        "planned_seeds is 0, expected 1 to 10,000",
    ),
    (
        "\"draws\": 2",
        "\"draws\": 0",
        "draws is 0, expected 1 to 10,000",
    ),
    (
        "\"width\": 4",
        "\"width\": 5",
        "geometry.width is 5, expected 1 to 4",
    ),
    (
        "\"seeds_per_block\": 2",
        "\"seeds_per_block\": 0",
        "geometry.seeds_per_block is 0, expected 1 to 10,000",
    ),
    (
        "\"threads\": 1",
        "\"threads\": null",
        "environment.threads: invalid type: null, expected u32",
    ),
    (
        "\"held_out\": 16",
        "\"held_out\": 0",
        "organism.problems.held_out is 0, expected 1 to 1,000,000",
    ),
    (
        "\"modulus\": 5",
        "\"modulus\": 0",
        "organism.task.chain.modulus is 0, expected 2 to 100",
    ),
    (
        "\"beta1\": 0.9",
        "\"beta_1\": 0.9",
        "organism.base.train.optimizer.adamw: missing field `beta1`",
    ),
    (
        "\"time_limit_s\": 600",
        "\"time_limit_s\": 0",
        "hypotheses[0].time_limit_s is 0, expected at least 1",
    ),
    (
        "\"name\": \"weak\"",
        "\"name\": \"base\"",
        "hypotheses[0].arms[1].name is \"base\" once more",
    ),
    (
        "\"name\": \"weak\"",
        "\"name\": \"../weak\"",
        "hypotheses[0].arms[1].name is \"../weak\", expected part of a file's name",
    ),
    (
        "\"control\": \"locked\"",
        "\"control\": \"locked\", \"colour\": \"red\"",
        "unknown key `hypotheses[0].arms[3].colour`",
    ),
    (
        "\"code\": \"",
        "\"code\": \"g",
        "hypotheses[0].plugin.code is `g",
    ),
];

#[test]
fn a_manifest_that_no_run_has_written_is_refused_at_once() {
    let place = after_a_run();
    let manifest = std::fs::read_to_string(place.here("o/manifest.json")).expect("a manifest");
    let advice = "; the journal is unharmed: put the manifest back, or run afresh with --fresh";
    let mut commands = ["status", "report", "run"].into_iter().cycle();
    let mut refused = |what: &str| {
        let before = snapshot(&place.here("o"));
        let command = commands.next().expect("an endless cycle");
        let done = match command {
            "run" => place.run(&RUN),
            _ => place.picklock(&[command, "o"]),
        };
        let line = done.refusal();
        assert!(line.starts_with("o/manifest.json:"), "{command}: {line}");
        assert!(line.contains(what), "{command}: {what}: {line}");
        assert!(line.ends_with(advice), "{command}: {line}");
        assert!(snapshot(&place.here("o")) == before, "{what}: it wrote");
    };
    for (from, to, what) in DAMAGE {
        assert!(manifest.contains(from), "{from}");
        place.write("here/o/manifest.json", manifest.replacen(from, to, 1));
        refused(what);
    }
    place.write("here/o/manifest.json", &manifest[..manifest.len() / 2]);
    refused("EOF while parsing");
    place.write("here/o/manifest.json", "");
    refused("EOF while parsing");
    place.write("here/o/manifest.json", &manifest);
    place.run(&RUN).ok();
}

#[test]
fn trials_that_do_not_count_are_told() {
    let place = after_a_run();
    let other = ["core", "--seeds", "2", "--draws", "1", "--out", "p"];
    place.run(&other).ok();
    for segment in std::fs::read_dir(place.here("p/journal")).expect("a journal") {
        let segment = segment.expect("a segment");
        let to = place.here("o/journal").join(segment.file_name());
        std::fs::copy(segment.path(), to).expect("a copy");
    }
    let told = "\n16 finished trials in the journal don't count";
    let done = place.run(&RUN).ok();
    assert!(done.stderr.contains(told), "{}", done.stderr);
    let plan = [&["plan", "--organism", "micro"], &RUN[..]].concat();
    let done = place.picklock(&plan).ok();
    assert!(done.stdout.contains(told), "{}", done.stdout);
}

#[test]
fn fresh_moves_nothing_aside_that_is_no_run() {
    let place = Place::new();
    std::fs::create_dir(place.here("thesis")).expect("a new place");
    place.write(
        "here/thesis/chapter-1.txt",
        "It was a dark and stormy night.",
    );
    place.write("here/file", "something else");
    let before = snapshot(&place.here(""));
    let done = place.run(&["core", "--out", "thesis", "--fresh"]);
    let expected = "thesis: not a run folder, and not empty; choose another one with --out";
    assert_eq!(done.refusal(), expected);
    let done = place.run(&["core", "--out", "file", "--fresh"]);
    assert_eq!(done.refusal(), "file: can't write: not a directory");
    assert!(snapshot(&place.here("")) == before);
}
