//! `picklock compare`: two runs side by side.

use picklock_tests::{Place, Table};

/// The cells of the table that was printed, row by row.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let row = |line| -> Vec<&str> {
        let cells = str::split(line, "  ").map(str::trim);
        cells.filter(|cell| !cell.is_empty()).collect()
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn a_run_differs_in_nothing_from_itself() {
    let place = Place::new();
    place.put_reference("r");
    let done = place.picklock(&["compare", "r", "r"]).ok();
    assert_eq!(done.stderr, "");
    let rows = rows(&done.stdout);
    assert_eq!(rows.len(), 7, "{}", done.stdout);
    for row in rows {
        assert_eq!(row[1], row[2]);
        assert_eq!(row[3..], ["0.0 (0.0 to 0.0)", "paired, 4 seeds", "holds"]);
    }
}

#[test]
fn numbers_are_the_summarys_and_the_difference_is_theirs() {
    let place = Place::new();
    place.put_reference("r");
    place
        .run(&["core", "--seeds", "2", "--draws", "2", "--out", "o"])
        .ok();
    let done = place.picklock(&["compare", "r", "o", "--json"]).ok();
    for note in [
        "different organism: tiny and micro",
        "different draws: 4 and 2",
        "weight-noise is judged in r only",
    ] {
        assert!(
            done.stderr.lines().any(|line| line == note),
            "{}",
            done.stderr
        );
    }
    let compared: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    let summaries = ["r", "o"].map(|run| Table::read(&place.here(run).join("summary.csv")));
    let compared = compared.as_array().unwrap();
    assert_eq!(compared.len(), 3);
    for line in compared {
        let prediction = line["prediction"].as_str().unwrap();
        let estimates =
            [("first", &summaries[0]), ("second", &summaries[1])].map(|(side, table)| {
                let row = table.with(&[("hypothesis", "core"), ("prediction", prediction)])[0];
                let estimate = line[side]["estimate"].as_f64().unwrap();
                assert!(
                    (estimate - row.number("estimate_pp")).abs() < 1e-9,
                    "{line}"
                );
                estimate
            });
        let difference = line["difference"].as_f64().unwrap();
        assert!(
            (difference - (estimates[0] - estimates[1])).abs() < 1e-9,
            "{line}"
        );
        assert_eq!(line["how"], "unpaired");
    }
    let markdown = place
        .picklock(&["compare", "r", "o", "--markdown"])
        .ok()
        .stdout;
    assert!(
        markdown.starts_with("| prediction | first (interval) |"),
        "{markdown}"
    );
    assert_eq!(markdown.lines().count(), 2 + 3);
}

#[test]
fn the_same_seeds_of_other_models_are_not_paired() {
    let place = Place::new();
    for (out, root) in [("zero", "0"), ("one", "1")] {
        let run = [
            "core",
            "--seeds",
            "2",
            "--draws",
            "2",
            "--root-seed",
            root,
            "--out",
            out,
        ];
        place.run(&run).ok();
    }
    let done = place.picklock(&["compare", "zero", "one"]).ok();
    assert!(
        done.stderr.contains("different root seed: 0 and 1"),
        "{}",
        done.stderr
    );
    for row in rows(&done.stdout) {
        assert!(row.contains(&"unpaired"), "{row:?}");
    }
}

#[test]
fn runs_without_a_common_prediction_are_refused() {
    let place = Place::with_fixture(&["steady"], "");
    place.put_reference("r");
    place
        .run(&["tests", "--seeds", "1", "--draws", "1", "--out", "o"])
        .ok();
    let done = place.picklock(&["compare", "r", "o"]);
    assert_eq!(done.refusal(), "r and o have no prediction in common");
}
