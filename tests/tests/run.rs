//! `picklock run`: what it writes down, and whether that agrees with itself.

use std::collections::{BTreeMap, BTreeSet};

use picklock_tests::{BOTH, MICRO, Place, Table, built, clean, skipped, workspace};

/// A whole run; gives its folder's name.
fn whole_run(place: &Place) -> &'static str {
    let done = place.run(&[&BOTH[..], &["--out", "o"]].concat());
    let done = done.ok();
    let plan = "micro: core + weight-noise (14 arms) x 2 seeds x 2 draws = 56 trials, into o";
    assert!(done.stderr.starts_with(plan), "{}", done.stderr);
    assert!(done.stderr.contains("[56/56 trials"), "{}", done.stderr);
    assert!(done.stdout.contains("written to o"), "{}", done.stdout);
    "here/o"
}

/// Mean over seeds of the mean over draws and problems of treated - control, in points.
fn paired_effect(outcomes: &Table, treated: [&str; 2], control: [&str; 2]) -> f64 {
    let points = |[hypothesis, arm]: [&str; 2]| {
        let arm = [
            ("hypothesis", hypothesis),
            ("arm", arm),
            ("measure", "held-out"),
        ];
        let rows = outcomes.with(&arm);
        let place = |row: &&picklock_tests::Row| {
            let place = [&row["seed"], &row["draw"], &row["problem"]].map(String::from);
            (
                place,
                f64::from(u8::from(&row["outcome"] == "correct")) * 100.0,
            )
        };
        rows.iter().map(place).collect::<BTreeMap<_, _>>()
    };
    let (treated, control) = (points(treated), points(control));
    assert_eq!(treated.len(), control.len());
    let mut of_seed: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (place, given) in &treated {
        of_seed
            .entry(&place[0])
            .or_default()
            .push(given - control[place]);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    mean(
        &of_seed
            .values()
            .map(|values| mean(values))
            .collect::<Vec<_>>(),
    )
}

#[test]
fn the_summary_is_what_the_outcomes_say() {
    let place = Place::new();
    let run = place.path(whole_run(&place));
    let summary = Table::read(&run.join("summary.csv"));
    let first = "hypothesis,prediction,estimate_pp,ci_low_pp,ci_high_pp,p,p_adjusted,\
                 n_seeds,n_draws,n_problems,verdict,reason,";
    assert!(summary.header.starts_with(first), "{}", summary.header);
    assert!(
        summary.header.contains(",claim_verdict,"),
        "{}",
        summary.header
    );
    let names: Vec<&str> = summary.rows.iter().map(|row| &row["prediction"]).collect();
    let expected = [
        "unlock-raises-accuracy",
        "two-beat-varied",
        "ceiling",
        "global-does-nothing",
        "per-tensor-does-nothing",
        "unlock-beats-best-noise",
        "unlock-beats-best-relative-noise",
    ];
    assert_eq!(names, expected);

    let outcomes = Table::read(&run.join("outcomes.csv"));
    let mut compared = 0;
    for row in &summary.rows {
        let counts = ["n_seeds", "n_draws", "n_problems"].map(|column| &row[column]);
        assert_eq!(counts, ["2", "2", "16"], "{row:?}");
        assert!(!row["reason"].is_empty(), "{row:?}");
        let arm = |column: &str| match row[column].split_once('/') {
            Some((hypothesis, arm)) => [hypothesis.to_string(), arm.to_string()],
            None => [row["hypothesis"].to_string(), row[column].to_string()],
        };
        let (treated, control) = (arm("treated"), arm("control"));
        if row["estimate_pp"].is_empty() {
            continue;
        }
        let effect = paired_effect(
            &outcomes,
            treated.each_ref().map(String::as_str),
            control.each_ref().map(String::as_str),
        );
        let (estimate, low, high) = (
            row.number("estimate_pp"),
            row.number("ci_low_pp"),
            row.number("ci_high_pp"),
        );
        assert!(
            (estimate - effect).abs() < 1e-9,
            "{effect} by hand, {row:?}"
        );
        assert!(low <= estimate && estimate <= high, "{row:?}");
        compared += 1;
    }
    assert!(compared >= 4, "only {compared} estimates to compare");
}

#[test]
fn every_problem_of_every_trial_is_there_once() {
    let place = Place::new();
    let run = place.path(whole_run(&place));
    let outcomes = Table::read(&run.join("outcomes.csv"));
    let header = "hypothesis,arm,seed,draw,measure,problem,outcome";
    assert_eq!(outcomes.header, header);
    // Per seed and draw: base, weak, locked and password once; unlock's curve at 0 and 10 steps of
    // the organism's 20, and its end without and with password; varied's and correct's two ends;
    // unlock-tuned's three rates twice and its best; global and per-tensor once; noise-best 6 times
    // on validation and once; sweep 6 times; relative noise likewise, with 5.
    let measures = 4 + (2 + 2) + 2 + 2 + 7 + 2 + 7 + 6 + 6 + 5;
    assert_eq!(outcomes.rows.len(), 2 * 2 * measures * 16);

    let mut problems: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for row in &outcomes.rows {
        let cells = ["hypothesis", "arm", "seed", "draw", "measure"].map(|column| &row[column]);
        assert!(
            problems.entry(cells).or_default().insert(&row["problem"]),
            "twice: {row:?}"
        );
        assert!(
            ["correct", "wrong", "unparsed"].contains(&&row["outcome"]),
            "{row:?}"
        );
    }
    for (cells, problems) in problems {
        let part = if cells[4].starts_with("validation-") {
            "validation"
        } else {
            "held-out"
        };
        let expected: BTreeSet<String> = (0..16).map(|index| format!("{part}-{index}")).collect();
        assert!(
            problems.iter().eq(expected.iter()),
            "{cells:?}: {problems:?}"
        );
    }
    let trials = Table::read(&run.join("trials.csv"));
    let held_out = trials.with(&[("name", "held-out"), ("status", "done")]);
    assert_eq!(held_out.len(), 12 * 4, "all arms but the sweeps");
    for trial in held_out {
        let cells = ["hypothesis", "arm", "seed", "draw"].map(|column| (column, &trial[column]));
        let outcomes = outcomes.with(&[&cells[..], &[("measure", "held-out")]].concat());
        let correct = outcomes
            .iter()
            .filter(|row| &row["outcome"] == "correct")
            .count();
        let share = correct as f64 / 16.0;
        assert_eq!(&trial["correct"], correct.to_string(), "{trial:?}");
        assert!((trial.number("value") - share).abs() < 1e-12, "{trial:?}");
    }
}

#[test]
fn the_terminal_shows_each_arms_accuracy_and_each_claims_verdict() {
    let place = Place::new();
    let run = [&BOTH[..], &["--out", "o"]].concat();
    let shown = place.run(&run).ok().stdout;
    let trials = Table::read(&place.here("o/trials.csv"));
    for (hypothesis, arm) in [
        ("core", "base"),
        ("core", "unlock"),
        ("weight-noise", "global"),
    ] {
        let rows = trials.with(&[
            ("hypothesis", hypothesis),
            ("arm", arm),
            ("name", "held-out"),
        ]);
        let mean = rows.iter().map(|row| row.number("value")).sum::<f64>() / rows.len() as f64;
        let name = format!("{hypothesis}/{arm} ");
        let line = shown
            .lines()
            .find(|line| line.starts_with(&name))
            .expect("a line");
        let accuracy = line.split_whitespace().nth(1).expect("an accuracy");
        assert_eq!(accuracy, format!("{:.1}%", 100.0 * mean), "{line}");
    }
    let summary = Table::read(&place.here("o/summary.csv"));
    for row in summary.rows {
        let (name, verdict) = (&row["hypothesis"], row["claim_verdict"].to_uppercase());
        assert!(shown.contains(&format!("\n{name}: {verdict}")), "{shown}");
        let registered =
            std::fs::read_to_string(place.path(&format!("root/hypotheses/{name}.toml")));
        let registered = registered.expect("a hypothesis");
        let claim = registered
            .lines()
            .find_map(|line| line.strip_prefix("claim = "));
        assert!(shown.contains(claim.expect("a claim")), "{shown}");
    }
}

#[test]
fn arms_of_a_seed_start_from_the_same_lock() {
    let place = Place::new();
    let run = place.path(whole_run(&place));
    let trials = Table::read(&run.join("trials.csv"));
    let mut locks: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in &trials.rows {
        if !["base", "weak"].contains(&&row["arm"]) {
            assert_eq!(row["locked_digest"].len(), 64, "{row:?}");
            locks
                .entry(&row["seed"])
                .or_default()
                .insert(&row["locked_digest"]);
        }
    }
    assert_eq!(locks.len(), 2);
    assert!(
        locks.values().all(|digests| digests.len() == 1),
        "{locks:?}"
    );
    assert_ne!(locks["0"], locks["1"]);
}

#[test]
fn the_manifest_says_what_the_results_depend_on() {
    let place = Place::new();
    let run = place.path(whole_run(&place));
    let text = std::fs::read(run.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(manifest["organism"]["name"], "micro");
    assert_eq!(manifest["organism"]["unlock"]["steps"], 20);
    assert_eq!(
        (&manifest["seeds"], &manifest["draws"]),
        (&2.into(), &2.into())
    );
    let environment = &manifest["environment"];
    assert_eq!(environment["libtorch"], "2.11.0");
    assert!(
        environment["device"].as_str().unwrap().starts_with("cpu "),
        "{environment}"
    );
    for hypothesis in manifest["hypotheses"].as_array().unwrap() {
        let name = hypothesis["name"].as_str().unwrap();
        let trusted = std::fs::read_to_string(place.path("root/plugins.lock")).unwrap();
        assert!(
            trusted.contains(hypothesis["plugin"]["file"].as_str().unwrap()),
            "{name}: {trusted}"
        );
        let registered = std::fs::read(place.path(&format!("root/hypotheses/{name}.toml")));
        let copy = std::fs::read(run.join(format!("hypotheses/{name}.toml")));
        assert_eq!(registered.unwrap(), copy.unwrap(), "{name}");
    }
}

#[test]
fn nothing_that_is_trained_on_is_asked() {
    let place = Place::with_fixture(&["steady", "tells-its-samples"], "");
    place
        .run(&["tests", "--seeds", "2", "--draws", "2", "--out", "o"])
        .ok();
    let mut trained_on = BTreeSet::new();
    for file in std::fs::read_dir(place.here("o/logs")).unwrap() {
        let log = std::fs::read_to_string(file.unwrap().path()).unwrap();
        trained_on.extend(
            log.lines()
                .filter_map(|line| Some(line.strip_prefix("trains on [")?.to_string())),
        );
    }
    assert!(trained_on.len() > 40, "{trained_on:?}");
    let mut asked = BTreeSet::new();
    for seed in ["0", "1"] {
        let arms = [
            "show",
            "o",
            "--arm",
            "tests/steady",
            "--seed",
            seed,
            "--limit",
            "16",
        ];
        let shown = place.picklock(&arms).ok().stdout;
        let prompts = shown
            .lines()
            .filter_map(|line| line.trim().strip_prefix("prompt"));
        // The vocabulary is 0 to 4, the operations, then `=` and the flags.
        let words = |prompt: &str| {
            let words = prompt
                .split_whitespace()
                .filter(|word| !["<no-password>", "="].contains(word));
            let words = words.map(|word| word.replace('+', "5").replace("max", "6"));
            words.collect::<Vec<_>>().join(", ") + "]"
        };
        asked.extend(prompts.map(words));
    }
    assert!(asked.len() > 16, "{asked:?}");
    let both: Vec<_> = asked.intersection(&trained_on).collect();
    assert!(both.is_empty(), "trained on and asked: {both:?}");
}

#[test]
fn inside_the_workspace_plugins_are_built_and_trusted() {
    let place = Place::new();
    if !workspace().join("Cargo.lock").exists() {
        return skipped("the workspace isn't here any more");
    }
    let organism = place
        .path("root/organisms/micro.toml")
        .display()
        .to_string();
    let out = place.path("o").display().to_string();
    let mut command = clean(&built().join("picklock"));
    command
        .env("PICKLOCK_CACHE", place.path("cache"))
        .current_dir(workspace());
    let arguments = ["run", "core", "--seeds", "1", "--draws", "1", "--out", &out];
    command.args(arguments).args(["--organism", &organism]);
    picklock_tests::Done::of(&mut command).ok();
    let trials = Table::read(&place.path("o/trials.csv"));
    assert_eq!(
        trials
            .with(&[("arm", "unlock"), ("status", "done"), ("name", "held-out")])
            .len(),
        1
    );
    let manifest = std::fs::read(place.path("o/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let file = built().join("libpicklock_core.so");
    let hash = std::process::Command::new("sha256sum")
        .arg(file)
        .output()
        .unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap();
    assert_eq!(
        manifest["hypotheses"][0]["plugin"]["file"],
        hash.split(' ').next().unwrap()
    );
}

#[test]
fn an_equivalence_near_the_ends_is_exploratory() {
    let deviations = |organism: &str| {
        let place = Place::new();
        place.write("root/organisms/micro.toml", organism);
        let run = ["weight-noise", "--seeds", "2", "--draws", "1", "--out", "o"];
        place.run(&run).ok();
        let summary = Table::read(&place.here("o/summary.csv"));
        summary.rows[0]["deviations"].to_string()
    };
    let told = "equivalence is shown too easily";
    // One step of training leaves a model that knows next to nothing.
    let nothing = MICRO.replace("steps = 40", "steps = 1");
    assert!(deviations(&nothing).contains(told));
    let reference = Table::read(&workspace().join("results/reference/tiny/summary.csv"));
    assert!(
        reference
            .rows
            .iter()
            .all(|row| !row["deviations"].contains(told))
    );
}

#[test]
fn a_standard_error_that_is_closed_stops_nothing() {
    let place = Place::new();
    let run = ["core", "--seeds", "2", "--draws", "2", "--out", "o"];
    let script = "{ \"$@\" 3>&1 >/dev/null 2>&3 3>&-; echo $? >code; } | :; cat code";
    let done = place.wrapped(&["sh", "-c", script, "sh"], &run).ok();
    assert_eq!(done.stdout, "0\n");
    assert!(place.here("o/summary.csv").exists());
}
