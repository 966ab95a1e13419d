//! `picklock report` of a run whose folder is not what it was: one clear line for each thing that is
//! wrong, and a report of the rest.

use std::path::{Path, PathBuf};

use picklock_tests::{BOTH, Done, Page, Place, Table, snapshot};

/// The committed run with something wrong; gives what the report said.
fn report(place: &Place) -> Done {
    place.picklock(&["report", "r"])
}

fn with_reference() -> Place {
    let place = Place::new();
    place.put_reference("r");
    place
}

/// The segments of an arm, by name.
fn segments(place: &Place, run: &str, arm: &str) -> Vec<PathBuf> {
    let journal = snapshot(&place.here(run).join("journal")).into_keys();
    let of_arm = |path: &PathBuf| name(path).starts_with(&format!("{arm}."));
    journal.filter(of_arm).collect()
}

fn name(path: &Path) -> String {
    let name = path.file_name().expect("a file has a name");
    name.display().to_string()
}

/// What a segment says.
fn unpacked(segment: &Path) -> String {
    let packed = std::fs::read(segment).expect("a segment");
    let json = zstd::decode_all(&*packed).expect("a whole segment");
    String::from_utf8(json).expect("JSON is text")
}

/// Replaces the first `from` in a segment.
fn change(segment: &Path, from: &str, to: &str) {
    let json = unpacked(segment);
    assert!(json.contains(from), "no {from}");
    let packed = zstd::encode_all(json.replacen(from, to, 1).as_bytes(), 3);
    std::fs::write(segment, packed.expect("bytes")).expect("a writable place");
}

fn summary(place: &Place) -> Table {
    Table::read(&place.here("r/summary.csv"))
}

/// The report is there, and has its note at the top.
fn assert_noted(place: &Place, done: Done, note: &str) {
    let done = done.ok();
    assert!(
        done.stderr.lines().any(|line| line == note),
        "{note}\n{}",
        done.stderr
    );
    let page = Page::read(&place.here("r/report.html"));
    assert!(page.text.contains(note), "{note}");
}

#[test]
fn missing_segments_are_named_by_their_arms() {
    let place = with_reference();
    std::fs::remove_file(&segments(&place, "r", "core.varied")[0]).unwrap();
    let note =
        "journal: 8 of 224 trials are missing, of core/varied; the same picklock run makes them";
    assert_noted(&place, report(&place), note);
    let summary = summary(&place);
    assert_eq!(summary.rows.len(), 7);
    let row = summary.with(&[("prediction", "two-beat-varied")])[0].clone();
    assert_eq!(&row["n_seeds"], "2");
    let row = summary.with(&[("prediction", "ceiling")])[0].clone();
    assert_eq!(&row["n_seeds"], "4");
}

#[test]
fn a_damaged_segment_is_named_and_the_rest_reported() {
    let place = with_reference();
    let path = segments(&place, "r", "weight-noise.global").remove(0);
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0xff;
    for damaged in [&whole[..whole.len() / 2], &[], b"no segment", &flipped] {
        std::fs::write(&path, damaged).unwrap();
        for command in ["report", "show"] {
            let done = place.picklock(&[command, "r"]).ok();
            let line = done.stderr.lines().next().unwrap_or_default();
            let start = format!("r/journal/{}: a damaged segment (", name(&path));
            assert!(line.starts_with(&start), "{line}");
            let end = "); its trials are left out, and picklock run makes them anew";
            assert!(line.ends_with(end), "{line}");
        }
        let row = summary(&place).with(&[("prediction", "global-does-nothing")])[0].clone();
        assert_eq!((&row["n_seeds"], &row["exploratory"]), ("2", "true"));
        assert!(
            row["deviations"]
                .contains("8 trials of the arms that it compares failed or are missing"),
            "{row:?}"
        );
    }
}

#[test]
fn a_damaged_segments_trials_are_run_again() {
    let place = Place::new();
    let run = [&BOTH[..], &["--out", "o"]].concat();
    place.run(&run).ok();
    let mut before = snapshot(&place.here("o"));
    let path = segments(&place, "o", "core.varied").remove(0);
    std::fs::write(&path, &before[&path][..50]).unwrap();
    let done = place.run(&run).ok();
    let said = format!("{0}.damaged, its trials are run again", name(&path));
    assert!(done.stderr.contains(&said), "{}", done.stderr);
    assert!(
        done.stderr.contains("\n4 to run in 1 cohorts"),
        "{}",
        done.stderr
    );
    let aside = path.with_file_name(format!("{}.damaged", name(&path)));
    before.insert(aside, before[&path][..50].to_vec());
    let logs = place.here("o/logs");
    let mut again = snapshot(&place.here("o"));
    for files in [&mut again, &mut before] {
        files.retain(|path, _| !path.starts_with(&logs));
    }
    assert!(again == before, "doing it again gave something else");
}

#[test]
fn a_segment_that_is_there_twice_counts_once() {
    let place = with_reference();
    report(&place).ok();
    let before = std::fs::read(place.here("r/trials.csv")).unwrap();
    let path = segments(&place, "r", "core.unlock").remove(0);
    std::fs::copy(&path, path.with_file_name("core.unlock.zzz.json.zst")).unwrap();
    let note = "journal/core.unlock.zzz.json.zst: 8 trial(s) that are there already; \
                the first, by file name, counts";
    assert_noted(&place, report(&place), note);
    assert!(std::fs::read(place.here("r/trials.csv")).unwrap() == before);
}

#[test]
fn another_runs_segment_is_passed_over() {
    let place = with_reference();
    place
        .run(&["core", "--seeds", "1", "--draws", "1", "--out", "o"])
        .ok();
    let foreign = segments(&place, "o", "core.weak").remove(0);
    let name = name(&foreign);
    std::fs::copy(&foreign, place.here("r/journal").join(&name)).unwrap();
    let note = format!(
        "journal/{name}: 1 trial(s) that this run's plan doesn't hold (of another run, or of an older \
         plugin); passed over"
    );
    assert_noted(&place, report(&place), &note);
}

#[test]
fn a_metric_that_is_no_number_is_left_empty() {
    let place = with_reference();
    let path = segments(&place, "r", "weight-noise.global").remove(0);
    let json = unpacked(&path);
    let (_, rest) = json.split_once("\"update-norm\",\"value\":").unwrap();
    let value = rest.split('}').next().unwrap();
    change(&path, &format!("\"value\":{value}"), "\"value\":null");
    let note = format!(
        "journal/{}: weight-noise/global seed 0 draw 0: metric update-norm is no finite number; left empty",
        name(&path)
    );
    assert_noted(&place, report(&place), &note);
    let trials = Table::read(&place.here("r/trials.csv"));
    let rows = trials.with(&[("arm", "global"), ("name", "update-norm"), ("value", "")]);
    assert_eq!(rows.len(), 1);
}

#[test]
fn grades_that_no_task_gives_are_damage() {
    let place = with_reference();
    let path = segments(&place, "r", "core.weak").remove(0);
    change(&path, "\"grades\":\"c", "\"grades\":\"x");
    let note = format!(
        "r/journal/{}: a damaged segment (measure held-out: grade `x`, expected c, w or u); its trials \
         are left out, and picklock run makes them anew",
        name(&path)
    );
    assert_noted(&place, report(&place), &note);
}

#[test]
fn an_empty_run_has_no_report() {
    let place = with_reference();
    std::fs::remove_dir_all(place.here("r/journal")).unwrap();
    std::fs::create_dir(place.here("r/journal")).unwrap();
    let expected = "r/journal: holds no finished trial of this run; \
                    the same picklock run goes on where it stopped";
    for command in ["report", "show"] {
        assert_eq!(place.picklock(&[command, "r"]).refusal(), expected);
    }
}

#[test]
fn a_changed_hypothesis_file_is_told_and_the_copy_judges() {
    let place = with_reference();
    place.change("root/hypotheses/core.toml", "alpha = 0.05", "alpha = 0.01");
    let changed = "has changed since this run began; judged by the run's copy";
    assert_noted(
        &place,
        report(&place),
        &format!("hypotheses/core.toml {changed}"),
    );
    assert_eq!(&summary(&place).rows[0]["exploratory"], "false");
}

#[test]
fn an_altered_copy_makes_its_claim_exploratory() {
    let place = with_reference();
    place.change(
        "here/r/hypotheses/core.toml",
        "alpha = 0.05",
        "alpha = 0.04",
    );
    let done = report(&place).ok();
    let start = "hypotheses/core.toml: not what was registered (SHA-256 ";
    assert!(
        done.stderr.lines().any(|line| line.starts_with(start)),
        "{}",
        done.stderr
    );
    let row = &summary(&place).rows[0];
    assert_eq!(&row["exploratory"], "true");
    assert_eq!(
        &row["deviations"],
        "the run's copy is not what was registered"
    );
}

#[test]
fn without_its_copy_a_hypothesis_is_not_judged_and_the_others_are() {
    let place = with_reference();
    std::fs::remove_file(place.here("r/hypotheses/weight-noise.toml")).unwrap();
    let note = "r/hypotheses/weight-noise.toml: can't read: no such file or directory; \
                weight-noise is not judged";
    assert_noted(&place, report(&place), note);
    assert!(
        summary(&place)
            .rows
            .iter()
            .all(|row| &row["hypothesis"] == "core")
    );
    std::fs::remove_file(place.here("r/hypotheses/core.toml")).unwrap();
    let done = report(&place).ok();
    assert!(done.stderr.contains("; core is not judged\n"), "{done:?}");
    assert!(summary(&place).rows.is_empty());
}

#[test]
fn a_prediction_of_an_arm_that_is_not_there_says_so() {
    let place = with_reference();
    let copy = "here/r/hypotheses/core.toml";
    place.change(copy, "treated = \"correct\"", "treated = \"corect\"");
    let note = "hypotheses/core.toml: prediction ceiling names the arm core/corect, which this run \
                hasn't got; did you mean core/correct?";
    assert_noted(&place, report(&place), note);
    let row = summary(&place).with(&[("prediction", "ceiling")])[0].clone();
    let reason = "no trials: this run has no arm core/corect";
    assert_eq!((&row["verdict"], &row["reason"]), ("not testable", reason));
    let row = summary(&place).with(&[("prediction", "unlock-raises-accuracy")])[0].clone();
    assert_eq!(&row["verdict"], "holds");
}

#[test]
fn a_claim_with_one_seed_speaks_of_its_problems_only() {
    let place = with_reference();
    place.change("here/r/manifest.json", "\"seeds\": 4", "\"seeds\": 1");
    let done = report(&place).ok();
    assert!(
        done.stdout.contains("core: NOT TESTABLE, exploratory"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("needs at least 2 seeds, has 1"),
        "{}",
        done.stdout
    );
    let mcnemar = "McNemar's exact test on the first draw's problems: ";
    assert!(done.stdout.contains(mcnemar), "{}", done.stdout);
    let page = Page::read(&place.here("r/report.html"));
    for text in [
        "NOT TESTABLE",
        "needs at least 2 seeds, has 1",
        mcnemar,
        "(one seed)",
    ] {
        assert!(page.text.contains(text), "{text}");
    }
    let rows = page.rows("arms");
    let accuracy = |arm: &str| &rows.iter().find(|row| row[0] == arm).unwrap()[1];
    // Of 256 problems 154, 146, 148 and 179 are right by draw; the lock has no draws, and 70 right.
    assert_eq!(accuracy("core/unlock"), "61.2%");
    assert_eq!(accuracy("core/locked"), "27.3% (22.2% to 33.1%)");
}
