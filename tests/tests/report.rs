//! `picklock report`: everything that derives from a journal, from the journal alone.

use picklock_tests::{BOTH, Place, snapshot, workspace};

#[test]
fn deleted_files_come_back_in_the_same_bytes() {
    let place = Place::new();
    let tables = place
        .run(&[&BOTH[..], &["--out", "o"]].concat())
        .ok()
        .stdout
        .replace("\nwritten to o\n", "");
    let before = snapshot(&place.here("o"));
    for name in ["trials.csv", "outcomes.csv", "summary.csv", "core.svg"] {
        std::fs::remove_file(place.here("o").join(name)).unwrap();
    }
    // Neither models nor plugins are needed.
    std::fs::remove_dir_all(place.path("cache")).unwrap();
    std::fs::remove_dir_all(place.path("root")).unwrap();
    let done = place.picklock(&["report", "o"]).ok();
    assert_eq!(done.stdout, tables);
    assert!(snapshot(&place.here("o")) == before, "the files differ");
}

#[test]
fn a_damaged_segment_is_named_and_can_be_done_again() {
    let place = Place::new();
    place.run(&[&BOTH[..], &["--out", "o"]].concat()).ok();
    let mut before = snapshot(&place.here("o"));
    let journal = std::fs::read_dir(place.here("o/journal")).unwrap();
    let mut segments = journal.map(|entry| entry.unwrap().path());
    let path = segments
        .find(|path| path.display().to_string().contains("core.varied."))
        .unwrap();
    let name = format!("o/journal/{}", path.file_name().unwrap().display());
    let whole = before[&path].clone();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0xff;
    for damaged in [&whole[..whole.len() / 2], &[], b"no segment", &flipped] {
        std::fs::write(&path, damaged).unwrap();
        for arguments in [&["report", "o"][..], &["show", "o"]] {
            let done = place.picklock(arguments);
            let line = done.refusal();
            assert!(
                line.starts_with(&format!("{name}: a damaged segment (")),
                "{line}"
            );
            assert!(line.contains("move it away and run again"), "{line}");
        }
    }
    std::fs::remove_file(&path).unwrap();
    let done = place.run(&[&BOTH[..], &["--out", "o"]].concat()).ok();
    assert!(
        done.stderr.contains("\n4 to run in 1 cohorts"),
        "{}",
        done.stderr
    );
    let logs = place.here("o/logs");
    let mut again = snapshot(&place.here("o"));
    for files in [&mut again, &mut before] {
        files.retain(|path, _| !path.starts_with(&logs));
    }
    assert!(again == before, "doing it again gave something else");
}

#[test]
fn what_is_no_run_has_no_report() {
    let place = Place::new();
    for command in ["report", "show"] {
        let done = place.picklock(&[command, "nowhere"]);
        assert_eq!(
            done.refusal(),
            "nowhere: no run folder: it has no manifest.json"
        );
    }
    std::fs::create_dir(place.here("broken")).unwrap();
    place.write("here/broken/manifest.json", "{ \"format\": 1");
    let done = place.picklock(&["report", "broken"]);
    assert!(
        done.refusal().starts_with("broken/manifest.json: "),
        "{}",
        done.stderr
    );
    place.write("here/broken/manifest.json", "{ \"format\": 99 }");
    let done = place.picklock(&["report", "broken"]);
    let expected = "broken/manifest.json: format 99, this picklock reads 2";
    assert!(done.refusal().starts_with(expected), "{}", done.stderr);
}

#[test]
fn the_committed_run_is_what_its_journal_says() {
    let place = Place::new();
    let reference = workspace().join("results/reference/tiny");
    for (name, bytes) in snapshot(&reference) {
        let name = name.strip_prefix(&reference).unwrap();
        let copy = place.here("reference").join(name);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::write(copy, bytes).unwrap();
    }
    let derived = ["summary.csv", "trials.csv", "core.svg"];
    for name in derived {
        std::fs::remove_file(place.here("reference").join(name)).unwrap();
    }
    place.picklock(&["report", "reference"]).ok();
    for name in derived {
        let bytes = |folder: &std::path::Path| std::fs::read(folder.join(name)).unwrap();
        assert!(
            bytes(&place.here("reference")) == bytes(&reference),
            "{name}"
        );
    }
}
